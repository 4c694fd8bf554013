import type { Condition } from './condition.js';
import type { ConnectionSelection, ReadSelection, RowSelection } from './selection.js';

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
    if (member.kind === 'totalCount') total += SCAN;
    if (member.kind === 'nodes') total += connection.page.limit * rowPrice(member.row);
    if (member.kind === 'edges') {
      for (const edge of member.members) total += connection.page.limit * (edge.kind === 'node' ? rowPrice(edge.row) : 1);
    }
  }
  return total;
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
