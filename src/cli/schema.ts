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
    .option('--subgraph', 'the datasets alone, with the directives of Apollo Federation 2: what a router composes')
    .addHelpText(
      'after',
      '\nExamples:\n  headgate schema print > schema.graphql\n  headgate schema print --as analyst\n  headgate schema print --as router --subgraph > headgate.graphql',
    )
    .action(async (_options: unknown, command: Command) => {
      const options: Omit<ServerOptions, 'as'> & { readonly as?: string; readonly subgraph?: boolean; readonly json?: boolean } = command.optsWithGlobals();
      const { as, subgraph, ...rest } = options;
      const roles = as
        ?.split(',')
        .map((role) => role.trim())
        .filter(Boolean);
      const server = { ...rest, ...(roles && { as: roles }) };
      if (subgraph) {
        const { _service } = await withServer(server, (client) => client.graphql<{ _service: { sdl: string } }>('{ _service { sdl } }'));
        return print(_service, options.json, () => [_service.sdl.trimEnd()]);
      }
      const found = await withServer(server, (client) => client.graphql<IntrospectionQuery>(getIntrospectionQuery({ descriptions: true })));
      print(found, options.json, () => [printSchema(buildClientSchema(found))]);
    });
}
