import { dirname, join, relative, sep } from 'node:path';

/**
 * The floors of the house. A room imports from lower floors only, through the other room's `index.ts`; rooms on one
 * floor do not import each other. `app.ts` stands above all rooms but the command line: it is where they are wired,
 * with `record.ts` below it for the audit, `work.ts` for runs and `control-services.ts` for the control plane.
 */
const FLOORS = [
  ['kernel'],
  ['config'],
  ['store', 'outbound'],
  ['sql', 'jobs', 'audit'],
  ['identity', 'catalog', 'vault'],
  ['governance', 'sources'],
  ['access'],
  ['quality', 'storage', 'lifecycle', 'classification'],
  ['ingestion', 'processing', 'delivery'],
  ['graphql'],
  ['http'],
  ['record.ts'],
  ['work.ts'],
  ['control-services.ts'],
  ['app.ts'],
  ['cli'],
];

const floorOf = new Map(FLOORS.flatMap((rooms, floor) => rooms.map((room) => [room, floor])));

/** What is wrong with an import, in one sentence; nothing when it is right. Paths are from the project's folder, with `/`. */
export function complaint(from, to) {
  const [fromTop, fromRoom] = from.split('/');
  const [toTop, toRoom, ...rest] = to.split('/');
  // A migration that used today's code would do something else tomorrow.
  if (fromTop === 'migrations') return toTop === 'migrations' ? undefined : 'A migration stands alone: it imports nothing of the program.';
  if (fromTop !== 'src') return undefined;
  if (toTop === 'migrations') return fromRoom === 'store' ? undefined : 'Only the store knows the migrations.';
  if (toTop !== 'src') return `The program imports nothing from ${toTop}/.`;
  if (fromRoom === toRoom) return undefined;

  const above = floorOf.get(fromRoom);
  const below = floorOf.get(toRoom);
  if (above === undefined) return `src/${fromRoom} is no room of the house: give it a floor in lint/headgate.js.`;
  if (below === undefined) return `src/${toRoom} is no room of the house: give it a floor in lint/headgate.js.`;
  if (above === below) return `${fromRoom} and ${toRoom} are on one floor, and do not import each other.`;
  if (above < below) return `${fromRoom} imports from lower floors only, and ${toRoom} is above it.`;
  if (!toRoom.endsWith('.ts') && rest.join('/') !== 'index.ts') return `${toRoom} is entered through its index.ts only.`;
  return undefined;
}

const floors = {
  meta: { type: 'problem', docs: { description: 'A room imports from lower floors only, through the index.ts of the other room.' } },
  create(context) {
    const root = context.cwd;
    const from = relative(root, context.filename).split(sep).join('/');

    function check(source) {
      const specifier = source?.value;
      if (typeof specifier !== 'string' || !specifier.startsWith('.')) return;
      const target = join(dirname(context.filename), specifier.replace(/\.js$/, '.ts'));
      const message = complaint(from, relative(root, target).split(sep).join('/'));
      if (message) context.report({ node: source, message });
    }

    return {
      ImportDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      TSImportType: (node) => check(node.source ?? node.argument?.literal ?? node.argument),
    };
  },
};

const noModuleState = {
  meta: { type: 'problem', docs: { description: 'Nothing at the top of a module changes: two instances in one process must not meet there.' } },
  create(context) {
    return {
      VariableDeclaration(node) {
        const top = node.parent.type === 'ExportNamedDeclaration' ? node.parent.parent : node.parent;
        if (top.type === 'Program' && node.kind !== 'const') context.report({ node, message: 'No state at the top of a module: keep it in an instance.' });
      },
    };
  },
};

export default { meta: { name: 'headgate' }, rules: { floors, 'no-module-state': noModuleState } };
