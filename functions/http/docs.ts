/** GET /docs: the OpenAPI document to read and try, by Swagger UI, whose files we serve. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Hono } from 'hono';
import type { RequestEnv } from './context.ts';
import { addFile } from './pages.ts';

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API documentation</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
<script src="docs/swagger-ui-bundle.js" defer></script>
<script src="docs/start.js" defer></script>
</head>
<body><div id="swagger-ui"></div></body>
</html>
`;

const start = `SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#swagger-ui',
  presets: [SwaggerUIBundle.presets.apis],
  deepLinking: true,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
});
`;

const javascript = 'text/javascript; charset=utf-8';
const { resolve } = createRequire(import.meta.url);
const ofPackage = (name: string) => () => readFile(resolve(`swagger-ui-dist/${name}`));

export function addDocs(app: Hono<RequestEnv>): void {
  addFile(app, '/docs', {
    type: 'text/html; charset=utf-8',
    read: async () => page,
    policy: ["script-src 'self'", "style-src 'self'", "img-src 'self' data:"],
  });
  addFile(app, '/docs/start.js', { type: javascript, read: async () => start });
  addFile(app, '/docs/swagger-ui-bundle.js', { type: javascript, read: ofPackage('swagger-ui-bundle.js') });
  addFile(app, '/docs/swagger-ui.css', {
    type: 'text/css; charset=utf-8',
    read: ofPackage('swagger-ui.css'),
  });
}
