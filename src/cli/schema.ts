import type { Command } from 'commander';
import { buildClientSchema, getIntrospectionQuery, printSchema, type IntrospectionQuery } from 'graphql';
import { withServer, type ServerOptions } from './connect.js';
import { print } from './output.js';

export function schemaCommand(program: Command): void {
  const schema = program.command('schema').summary('print the GraphQL schema').description('Prints the GraphQL schema.');
  schema
    .command('print')
    .description('Prints the schema as a principal with these roles has it: what is secret and not granted to them is not in it.')
    .option('--as <roles>', 'roles with commas between them; admin when left out, or those of --token')
    .addHelpText('after', '\nExamples:\n  headgate schema print > schema.graphql\n  headgate schema print --as analyst')
    .action(async (_options: unknown, command: Command) => {
      const options: Omit<ServerOptions, 'as'> & { readonly as?: string; readonly json?: boolean } = command.optsWithGlobals();
      const { as, ...rest } = options;
      const roles = as
        ?.split(',')
        .map((role) => role.trim())
        .filter(Boolean);
      const found = await withServer({ ...rest, ...(roles && { as: roles }) }, (client) =>
        client.graphql<IntrospectionQuery>(getIntrospectionQuery({ descriptions: true })),
      );
      print(found, options.json, () => [printSchema(buildClientSchema(found))]);
    });
}
