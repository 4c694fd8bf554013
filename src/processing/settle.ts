import { contractOf, removeDataset, saveDataset, type ApplyContext, type Dataset, type DatasetDocument, type Fail } from '../catalog/index.js';
import { isHeadgateError, type HeadgateError } from '../kernel/index.js';
import { compilePipeline, type CompiledPipeline } from './compile.js';
import { outputContract } from './output-contract.js';
import { PipelineEntity } from './pipeline.entity.js';
import { identifier, render, sql } from '../sql/index.js';
import { publishOf, wordsOf, type PipelineSpec } from './pipeline-spec.js';

/**
 * Compiles every pipeline against the catalog as it is now, those first whose results others read, and brings the datasets
 * that they make to their contracts. So a tag that a field gets today is on everything that was made of it, today.
 * @throws HeadgateError, placed by `failOf`: BAD_USER_INPUT for a pipeline that can't run, CONFLICT for a circle of pipelines.
 */
export async function settlePipelines(
  inForce: ReadonlyMap<string, PipelineSpec>,
  context: ApplyContext,
  failOf: (name: string) => Fail,
  saved: ReadonlySet<string>,
): Promise<void> {
  await removeOrphans(inForce, context);
  const pending = new Map(inForce);
  // What is made otherwise than before, by itself or by what it reads.
  const remade = new Set<string>();
  while (pending.size > 0) {
    const before = pending.size;
    const problems = new Map<string, HeadgateError>();
    for (const [name, spec] of pending) {
      const readable = await readableDatasets(context, pending);
      const compiled = await tryCompile(context, spec, readable, failOf(name), problems);
      if (!compiled) continue;
      const isRemade = saved.has(name) || [...compiled.reads.keys()].some((dataset) => remade.has(dataset));
      if (isRemade) remade.add(publishOf(spec).to);
      await save(context, compiled, readable, failOf(name), isRemade);
      pending.delete(name);
    }
    if (pending.size === before) refuse(pending, problems, failOf);
  }
}

/** All datasets but those that a pipeline makes which is not compiled yet: their columns may still change. */
async function readableDatasets(context: ApplyContext, pending: ReadonlyMap<string, PipelineSpec>): Promise<ReadonlyMap<string, Dataset>> {
  const { datasets } = await context.catalog();
  return new Map([...datasets].filter(([, { producedBy }]) => producedBy === undefined || !pending.has(producedBy)));
}

/** The problem is noted, not thrown: it may be that what is missing is made by a pipeline that comes later. */
async function tryCompile(
  { tx }: ApplyContext,
  spec: PipelineSpec,
  readable: ReadonlyMap<string, Dataset>,
  fail: Fail,
  problems: Map<string, HeadgateError>,
): Promise<CompiledPipeline | undefined> {
  try {
    return await compilePipeline(tx, spec, readable, fail);
  } catch (error) {
    if (!isHeadgateError(error)) throw error;
    problems.set(spec.name, error);
    return undefined;
  }
}

function refuse(pending: ReadonlyMap<string, PipelineSpec>, problems: ReadonlyMap<string, HeadgateError>, failOf: (name: string) => Fail): never {
  const outputs = new Map([...pending.values()].map((spec) => [publishOf(spec).to, spec.name]));
  const waitsFor = (spec: PipelineSpec): string[] => [...wordsOf(spec)].flatMap((word) => outputs.get(word) ?? []);
  // One that waits for none of the others is wrong by itself, and may be all that is wrong with those that wait for it.
  for (const [name, spec] of pending) {
    const problem = problems.get(name);
    if (waitsFor(spec).length === 0 && problem) throw problem;
  }
  const circle = circleIn(pending, waitsFor);
  const [name = ''] = circle;
  const made = circle.map((pipeline) => {
    const spec = pending.get(pipeline);
    return spec ? `${pipeline} makes ${publishOf(spec).to}` : pipeline;
  });
  return failOf(name)(
    ['steps'],
    `pipelines can't go in a circle: ${made.join(', ')}, which ${circle.length === 1 ? 'it reads itself' : `${name} reads`}`,
    'CONFLICT',
  );
}

function circleIn(pending: ReadonlyMap<string, PipelineSpec>, waitsFor: (spec: PipelineSpec) => readonly string[]): string[] {
  const path: string[] = [];
  let [name = ''] = pending.keys();
  // Every one that is left waits for another of them, so going from one to the next must come back.
  while (!path.includes(name)) {
    path.push(name);
    const spec = pending.get(name);
    name = (spec && waitsFor(spec)[0]) ?? name;
  }
  return path.slice(path.indexOf(name)).toReversed();
}

async function save(context: ApplyContext, compiled: CompiledPipeline, datasets: ReadonlyMap<string, Dataset>, fail: Fail, isRemade: boolean): Promise<void> {
  const { tx, appliedBy } = context;
  const { spec } = compiled;
  const publish = publishOf(spec);
  const at = spec.steps.length - 1;
  const document = outputContract(compiled, datasets, fail);
  const canRebuild = (publish.mode ?? 'replace') === 'replace';
  const opened = isRemade ? await whatOpens(context, document) : undefined;
  if (opened !== undefined) {
    const why = `${opened}, and rows that the pipeline made as it was before are there`;
    if (!canRebuild)
      fail(['steps', at, 'publish', 'to'], `${why}: choose another name for what it makes, or remove the pipeline with its rows first`, 'CONFLICT');
    context.warn(`Pipeline ${spec.name}: ${why}, so ${publish.to} is empty until its next run.`);
  }
  await saveDataset(tx, document, {
    producedBy: spec.name,
    appliedBy,
    rebuild: canRebuild,
    empty: opened !== undefined,
    fail: (path, message, code) => fail(path[0] === 'name' ? ['steps', at, 'publish', 'to'] : ['steps', at, 'publish'], message, code),
  });
  await tx.manager.update(PipelineEntity, { name: spec.name }, { inputs: [...compiled.reads.keys()].toSorted() });
}

/**
 * What opens of a dataset with rows: a field that loses a tag, or is secret no more, or rows that need less consent than before,
 * or another person's. The rows were made of other fields perhaps: under the new contract, masks that are granted on the tag
 * would not hold for them, nor would the consent asked for be that of whom they are about.
 */
async function whatOpens(context: ApplyContext, { name, fields, subject, consent }: DatasetDocument): Promise<string | undefined> {
  // Contracts are compared: what a steward says of the field is beside both of them, and stays.
  const before = await contractOf(context.tx, name);
  const opened = before?.fields.find((old) => {
    const field = fields.find((candidate) => candidate.name === old.name);
    const isOpen = (old.tags ?? []).some((tag) => !field?.tags?.includes(tag)) || (old.visibility === 'secret' && field?.visibility !== 'secret');
    return field !== undefined && isOpen;
  });
  const needed = before?.consent?.purposes ?? [];
  const isConsentLess = needed.some((purpose) => !consent?.purposes.includes(purpose)) || (needed.length > 0 && before?.subject !== subject);
  if (!opened && !isConsentLess) return undefined;
  const { text } = render(sql`SELECT EXISTS (SELECT FROM ${identifier('data', name)}) AS "isThere"`);
  const [rows] = await context.tx.query<{ isThere: boolean }>(text);
  if (!rows?.isThere) return undefined;
  return opened ? `${opened.name} is no longer tagged or secret as it was` : 'its rows no longer need the consent that they needed';
}

/** Datasets whose pipeline now makes another one. */
async function removeOrphans(inForce: ReadonlyMap<string, PipelineSpec>, context: ApplyContext): Promise<void> {
  const { datasets } = await context.catalog();
  for (const { name, producedBy } of datasets.values()) {
    const spec = producedBy === undefined ? undefined : inForce.get(producedBy);
    if (spec && publishOf(spec).to !== name) await removeDataset(context.tx, name);
  }
}
