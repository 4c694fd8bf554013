import { headgateApp, headgateConfig } from '../headgate.ts';
import { serveFor } from './child.ts';

// Headgate as it is served: configured by the environment alone.
const { startApp } = await headgateApp();
const { loadConfig } = await headgateConfig();
const app = await startApp(loadConfig(process.env));
if (app.url === undefined) throw new Error('the gateway does not listen');
serveFor(app.url, () => app.close());
