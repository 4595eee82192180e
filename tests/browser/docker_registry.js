// A Docker Registry with so many repositories that they fill pages, which can be ended, or have a list that breaks.
import { once } from 'node:events';
import { createServer } from 'node:http';

/** Starts one that holds these repositories, each with the tag `1.0`. It gives their list this often, and then breaks. */
export async function startDockerRegistry(repositories, { lists = Infinity } = {}) {
  let nLists = 0;
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://registry');
    const answer = (status, body) => {
      response.writeHead(status, { 'Content-Type': 'application/json', 'Docker-Distribution-Api-Version': 'registry/2.0' });
      response.end(JSON.stringify(body));
    };
    const tags = pathname.match(/^\/v2\/(.+)\/tags\/list$/);
    if (pathname === '/v2/') return answer(200, {});
    if (pathname === '/v2/_catalog' && (nLists += 1) > lists) return answer(500, { errors: [{ code: 'UNKNOWN' }] });
    if (pathname === '/v2/_catalog') {
      const rest = repositories.filter((name) => name > (searchParams.get('last') ?? ''));
      const page = rest.slice(0, Number(searchParams.get('n') ?? 100));
      if (page.length < rest.length) {
        response.setHeader('Link', `</v2/_catalog?last=${page.at(-1)}&n=${page.length}>; rel="next"`);
      }
      return answer(200, { repositories: page });
    }
    if (tags && repositories.includes(tags[1])) return answer(200, { name: tags[1], tags: ['1.0'] });
    return answer(404, { errors: [{ code: 'NAME_UNKNOWN' }] });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${server.address().port}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      if (server.listening) await once(server, 'close');
    },
  };
}
