// What a front end with Relay would have: the dialog that selects an image, page by page.
import { graphql } from 'relay-runtime';

export const query = graphql`
  query selectImageQuery($namespace: NamespaceKey!, $search: String, $first: Int = 20, $after: String) {
    ...selectImage_query @arguments(namespace: $namespace, search: $search, first: $first, after: $after)
  }
`;

export const fragment = graphql`
  fragment selectImage_query on Query
  @argumentDefinitions(
    namespace: { type: "NamespaceKey!" }
    search: { type: "String" }
    first: { type: "Int", defaultValue: 20 }
    after: { type: "String" }
  ) {
    availableImages(namespace: $namespace, search: $search, first: $first, after: $after)
      @connection(key: "selectImage_availableImages") {
      totalCount
      edges {
        via
        node {
          ...selectImage_image
        }
      }
    }
  }
`;

export const image = graphql`
  fragment selectImage_image on Image @refetchable(queryName: "selectImageRefetchQuery") {
    reference
    updatedAt
    tags(first: 5) {
      nodes {
        pinnedReference
      }
    }
  }
`;

export const events = graphql`
  subscription selectImageEventsSubscription($namespace: NamespaceKey!) {
    imageEvents(namespace: $namespace) {
      kind
      reference
      image {
        id
        ...selectImage_image
      }
    }
  }
`;
