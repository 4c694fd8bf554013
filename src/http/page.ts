/** A small page without scripts. `body` is HTML of ours. */
export function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} - Headgate</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; color: #1c2733; background: #fff; }
h1 { font-size: 1.6rem; } code { font-size: 0.95em; } table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid #dde3ea; padding: 0.5rem 0.5rem 0.5rem 0; vertical-align: top; } a { color: #0b5cad; }
@media (prefers-color-scheme: dark) { body { color: #dde5ee; background: #10171f; } td { border-color: #2a3644; } a { color: #7ab8ff; } }
</style>
</head>
<body>
<h1>${title}</h1>
${body}
</body>
</html>
`;
}
