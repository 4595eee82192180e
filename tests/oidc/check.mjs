// Checks Fairway against a real OpenID provider: what the provider calls a token and publishes as keys, Fairway must take,
// also after the provider has changed its keys. The argument is the `fairway` program.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import Provider from 'oidc-provider'

const fairway = process.argv[2]
assert.ok(fairway, 'usage: node check.mjs path/to/fairway')

const audience = 'https://fairway.example'

const kinds = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
}

/** A signing key as the provider is configured with it. */
function signingKey(kid, alg) {
  return { ...kinds[alg]().privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' }
}

/** A provider with these keys, the first of which signs. Roles and groups are shaped as Keycloak does it. */
function provider(issuer, keys) {
  const signedWith = keys[0].alg
  return new Provider(issuer, {
    jwks: { keys },
    clients: ['admin', 'member'].map((id) => ({
      client_id: id,
      client_secret: `secret-of-${id}`,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      // No key of another kind is there.
      id_token_signed_response_alg: signedWith,
    })),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          scope: '',
          audience: resource,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: signedWith } },
        }),
      },
    },
    extraTokenClaims: (_, token) => ({
      realm_access: { roles: token.clientId === 'admin' ? ['fairway-admin'] : [] },
      groups: token.clientId === 'member' ? ['/payments/editor', '/everybody'] : [],
    }),
  })
}

/** Listens on a free port; what answers there may be changed. */
async function listen() {
  const server = createServer((request, response) => server.handler(request, response))
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  server.origin = `http://127.0.0.1:${server.address().port}`
  server.use = (keys) => (server.handler = provider(server.origin, keys).callback())
  return server
}

/** Starts Fairway; returns where it listens. */
async function start(origin, jwksUri, folder) {
  const environment = {
    FAIRWAY_LISTEN: '127.0.0.1:0',
    FAIRWAY_DATABASE_URL: `sqlite://${folder}/fairway.db`,
    FAIRWAY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
    FAIRWAY_JWT_JWKS_URL: jwksUri,
    FAIRWAY_JWT_ISSUER: origin,
    FAIRWAY_JWT_AUDIENCE: audience,
    FAIRWAY_JWT_ADMIN_CLAIM: '/realm_access/roles',
    FAIRWAY_JWT_ADMIN_VALUE: 'fairway-admin',
    FAIRWAY_JWT_WORKSPACES_CLAIM: '/groups',
    FAIRWAY_LOG_FORMAT: 'json',
  }
  const program = spawn(fairway, ['serve'], { env: environment, stdio: ['ignore', 'ignore', 'pipe'] })
  for await (const line of createInterface({ input: program.stderr })) {
    const address = line.startsWith('{') && JSON.parse(line).address
    if (address) return { program, graph: `http://${address}/graphql` }
    process.stderr.write(`${line}\n`)
  }
  throw new Error('Fairway ended instead of listening')
}

/** An access token, as a program gets it. */
async function token(tokenEndpoint, client, resource = audience) {
  const response = await fetch(tokenEndpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${client}:secret-of-${client}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource }),
  })
  const answer = await response.json()
  assert.ok(answer.access_token, `no token: ${JSON.stringify(answer)}`)
  return answer.access_token
}

async function ask(graph, token, query = '{ viewer { subject isAdmin memberships { role } } }') {
  const response = await fetch(graph, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  })
  return { status: response.status, ...(await response.json()) }
}

function kidOf(token) {
  return JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).kid
}

const server = await listen()
const folder = mkdtempSync(join(tmpdir(), 'fairway-oidc-'))
let program
try {
  const [first, second, third] = [signingKey('first', 'RS256'), signingKey('second', 'ES256'), signingKey('third', 'EdDSA')]
  server.use([first])
  const discovery = await (await fetch(`${server.origin}/.well-known/openid-configuration`)).json()
  assert.equal(discovery.issuer, server.origin)
  const started = await start(server.origin, discovery.jwks_uri, folder)
  program = started.program
  const { graph } = started
  const give = (client, resource) => token(discovery.token_endpoint, client, resource)

  const ofFirst = await give('admin')
  assert.equal(kidOf(ofFirst), 'first')
  const admin = await ask(graph, ofFirst)
  assert.deepEqual(admin.data?.viewer, { subject: 'admin', isAdmin: true, memberships: [] }, JSON.stringify(admin))
  await ask(graph, ofFirst, 'mutation { createWorkspace(input: { name: "payments" }) { workspace { id } } }')
  const member = await ask(graph, await give('member'))
  assert.deepEqual(member.data?.viewer, { subject: 'member', isAdmin: false, memberships: [{ role: 'EDITOR' }] })

  const foreign = await ask(graph, await give('admin', 'https://other.example'))
  assert.equal(foreign.status, 401, JSON.stringify(foreign))
  assert.match(foreign.errors[0].message, /another audience/)

  // As providers change keys: the new one signs, the old one is published until its tokens have ended.
  server.use([second, first])
  const ofSecond = await give('admin')
  assert.equal(kidOf(ofSecond), 'second')
  assert.equal((await ask(graph, ofSecond)).data?.viewer.isAdmin, true)
  assert.equal((await ask(graph, ofFirst)).data?.viewer.isAdmin, true)

  // A third so soon after is not asked for again: no token makes Fairway hammer its provider.
  server.use([third])
  const soon = await ask(graph, await give('admin'))
  assert.equal(soon.status, 401)
  assert.match(soon.errors[0].message, /a key that is not known/)

  // Started anew it knows that one alone.
  program.kill('SIGTERM')
  await new Promise((ended) => program.once('exit', ended))
  const again = await start(server.origin, discovery.jwks_uri, folder)
  program = again.program
  assert.equal((await ask(again.graph, await give('admin'))).data?.viewer.isAdmin, true)
  assert.equal((await ask(again.graph, ofFirst)).status, 401)

  console.log('Fairway takes the tokens of a real OpenID provider, before and after its keys have changed')
} finally {
  program?.kill('SIGKILL')
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true, force: true })
}
