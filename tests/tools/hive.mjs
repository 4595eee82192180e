// Hive Gateway, from its library: its command line brings 400 MB of plugins that nobody here asks for.
import { createServer } from 'node:http';
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';

const [supergraph, port] = process.argv.slice(2);
const gateway = createGatewayRuntime({
  supergraph,
  // Whoever asks the router is who Fairway answers.
  propagateHeaders: {
    fromClientToSubgraphs: ({ request }) => ({ authorization: request.headers.get('authorization') ?? '' }),
  },
});
createServer(gateway).listen(port, '127.0.0.1');
