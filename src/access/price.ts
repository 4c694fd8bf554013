import type { Condition } from './condition.js';
import type { ConnectionSelection, ReadSelection, RowSelection } from './selection.js';
import type { AggregateMember, GroupKeyMember, GroupMember, Grouping, Having } from './summary.js';

/** What each count, filter or order through a relation costs beside its rows: about a small scan. */
const SCAN = 10;
export { SCAN as SCAN_PRICE };

/**
 * The price of a read, known before it runs: the values that the answer could hold, with page sizes multiplied through
 * the tree, plus a little for each filter term and count.
 */
export function price(selection: ReadSelection): number {
  if (selection.kind === 'connection') return connectionPrice(selection.connection);
  // To look for a row costs something although nothing of it is asked for.
  return selection.kind === 'byKey' ? rowPrice(selection.row) : selection.rows * (1 + rowPrice(selection.row));
}

function connectionPrice(connection: ConnectionSelection): number {
  let total = connection.where ? conditionPrice(connection.where) : 0;
  for (const { through } of connection.order) total += 1 + SCAN * through.length;
  for (const member of connection.members) {
    if (member.kind === 'typename') total += 1;
    if (member.kind === 'pageInfo') total += member.members.length;
    if (member.kind === 'totalCount') total += SCAN;
    if (member.kind === 'aggregate') total += SCAN + aggregatePrice(member.members);
    if (member.kind === 'groupBy') total += groupingPrice(member.grouping);
    if (member.kind === 'nodes') total += connection.page.limit * rowPrice(member.row);
    if (member.kind === 'edges') {
      for (const edge of member.members) total += connection.page.limit * (edge.kind === 'node' ? rowPrice(edge.row) : 1);
    }
  }
  return total;
}

function aggregatePrice(members: readonly AggregateMember[]): number {
  return members.reduce((sum, member) => sum + (member.kind === 'measures' ? member.members.length : 1), 0);
}

/** All rows are read and grouped, whatever the page of groups. */
function groupingPrice({ keys, having, limit, members }: Grouping): number {
  const group = members.reduce((sum, member) => sum + (member.kind === 'aggregate' ? aggregatePrice(member.members) : keysPrice(member)), 0);
  const scan = SCAN * (1 + keys.reduce((sum, { through }) => sum + 1 + through.length, 0));
  return scan + (having ? havingPrice(having) : 0) + limit * group;
}

/** Under aliases a key can be shown more than once. */
function keysPrice(member: GroupMember | GroupKeyMember): number {
  return member.kind === 'keys' || member.kind === 'through' ? member.members.reduce((sum, inner) => sum + keysPrice(inner), 0) : 1;
}

function havingPrice(having: Having): number {
  if (having.kind === 'not') return 1 + havingPrice(having.condition);
  return having.kind === 'and' || having.kind === 'or' ? having.conditions.reduce((sum, inner) => sum + havingPrice(inner), 1) : 1;
}

function rowPrice(row: RowSelection): number {
  return row.members.reduce((sum, member) => {
    if (member.kind === 'one') return sum + 1 + rowPrice(member.row);
    if (member.kind === 'many') return sum + 1 + connectionPrice(member.connection);
    return sum + 1;
  }, 0);
}

function conditionPrice(condition: Condition): number {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return condition.conditions.reduce((sum, inner) => sum + conditionPrice(inner), 1);
    case 'not':
      return 1 + conditionPrice(condition.condition);
    case 'related':
      return SCAN + SCAN * conditionPrice(condition.condition);
    default:
      return 1;
  }
}
