/** `delays_by_airport` -> `delaysByAirport`: GraphQL fields are the camelCase of the contract's names. */
export function camelCase(name: string): string {
  return name.replace(/_+([a-z0-9])/g, (_, c: string) => c.toUpperCase());
}

/** `delays_by_airport` -> `DelaysByAirport`. */
export function pascalCase(name: string): string {
  const camel = camelCase(name);
  return camel.charAt(0).toUpperCase() + camel.slice(1);
}
