/**
 * The GraphQL types that a dataset brings, each its type's name with one of these behind it. Two datasets clash when
 * any of them do: `Order` with `OrderWhere` and a dataset of type `OrderWhere`.
 */
const SUFFIXES = `
  Connection Edge Change Where ManyFilter OrderBy Aggregate CountDistinct Sum Avg Min Max Stddev Variance
  GroupKey Group GroupKeys GroupOrderBy GroupKeyOrder SumOrder AvgOrder MinOrder MaxOrder
  Having SumHaving AvgHaving MinHaving MaxHaving`;

export function typeNamesOf(typeName: string): string[] {
  return ['', ...SUFFIXES.trim().split(/\s+/)].map((suffix) => typeName + suffix);
}

/** The root fields of a dataset: the list, one row by its key, and the subscription to its changes. */
export function rootNamesOf(graphqlName: string): string[] {
  return [graphqlName, `${graphqlName}ByKey`, `${graphqlName}Changed`];
}
