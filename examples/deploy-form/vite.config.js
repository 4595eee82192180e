import { defineConfig } from 'vite';

// The form and the graph have one origin, as behind a platform's ingress; so no CORS is needed.
const proxy = { '/graphql': process.env.FAIRWAY_ORIGIN ?? 'http://127.0.0.1:8080' };

export default defineConfig({
  base: './',
  build: { target: 'es2022', modulePreload: { polyfill: false } },
  server: { proxy },
  preview: { proxy },
});
