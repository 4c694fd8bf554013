import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import { createElement } from 'react';
import { createRoot } from 'react-dom/client';
import './main.css';

const HEADERS = '{\n  "Authorization": "Bearer PASTE-A-TOKEN"\n}';
const QUERY = `# Put a token into "Headers" below; serve --demo prints some.
# Without one you are "anonymous", and see what grants give to nobody in particular.

{
  me { sub roles purposes }
}
`;

const url = new URL('/graphql', location.href).href;
const fetcher = createGraphiQLFetcher({ url, subscriptionUrl: url.replace(/^http/, 'ws') });

// Tokens are not kept: a shared browser would keep them for the next person.
createRoot(document.getElementById('graphiql')).render(
  createElement(GraphiQL, {
    fetcher,
    defaultQuery: QUERY,
    defaultHeaders: HEADERS,
    defaultEditorToolsVisibility: 'headers',
    shouldPersistHeaders: false,
    showPersistHeadersSettings: false,
  }),
);
