// Puts GraphiQL on the page: against the address it was loaded from, with a few documents to begin with.
'use strict';

(() => {
  const settings = JSON.parse(document.getElementById('settings').textContent);

  const headers = settings.headers
    ? JSON.stringify(settings.headers, null, 2)
    : '{\n  "Authorization": "Bearer PASTE-A-TOKEN-HERE"\n}';

  const tabs = [
    {
      query: `# Which images may be deployed into this namespace?
query Select($namespace: NamespaceKey!, $search: String) {
  availableImages(namespace: $namespace, search: $search, first: 20) {
    totalCount
    edges {
      via
      node { reference updatedAt }
    }
    sources { registry { name } state asOf error }
    pageInfo { hasNextPage endCursor }
  }
}
`,
      variables: '{\n  "namespace": { "name": "checkout" },\n  "search": null\n}',
    },
    {
      query: `# Integrate an existing registry for the whole platform.
mutation Integrate($input: IntegrateRegistryInput!) {
  integrateRegistry(input: $input) {
    registry {
      id
      name
      health { state cause version }
      spaces { totalCount nodes { id name visibility } }
    }
  }
}
`,
      variables: JSON.stringify(
        {
          input: {
            name: 'harbor',
            kind: 'HARBOR',
            address: 'https://harbor.example',
            username: 'admin',
            password: '',
          },
        },
        null,
        2,
      ),
    },
    {
      query: `# Open a private space to workspaces.
mutation Bind($input: BindSpacesInput!) {
  bindSpaces(input: $input) {
    created
    spaces { name workspaces { name } }
  }
}
`,
      variables: '{\n  "input": { "spaceIds": [], "workspaceIds": [] }\n}',
    },
    {
      query: `# Who am I?
query WhoAmI {
  viewer { subject name isAdmin memberships { workspace { name } role } }
}
`,
    },
  ].map((tab) => ({ ...tab, headers }));

  const send = GraphiQL.createFetcher({ url: location.pathname });

  // GraphiQL asks for the schema before its headers editor is there.
  const fetcher = (request, options) =>
    request.operationName === 'IntrospectionQuery'
      ? send(request, { ...options, headers: { ...settings.headers, ...options?.headers } })
      : send(request, options);

  // Headers hold a token: they stay in the page, and are forgotten with it.
  const root = ReactDOM.createRoot(document.getElementById('graphiql'));
  root.render(
    React.createElement(GraphiQL, {
      fetcher,
      defaultTabs: tabs,
      defaultHeaders: headers,
      defaultEditorToolsVisibility: 'headers',
      shouldPersistHeaders: false,
      isHeadersEditorEnabled: true,
    }),
  );
})();
