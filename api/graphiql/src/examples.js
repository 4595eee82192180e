// The tabs that a new visitor finds: what Fairway is for, in the order in which a platform would do it.
import overview from '../examples/overview.graphql';
import integrate from '../examples/integrate.graphql';
import integrateVariables from '../examples/integrate.json';
import createSpace from '../examples/create_space.graphql';
import createSpaceVariables from '../examples/create_space.json';
import setPublic from '../examples/set_public.graphql';
import setPublicVariables from '../examples/set_public.json';
import bind from '../examples/bind.graphql';
import bindVariables from '../examples/bind.json';
import select from '../examples/select.graphql';
import selectVariables from '../examples/select.json';
import explain from '../examples/explain.graphql';
import explainVariables from '../examples/explain.json';
import watch from '../examples/watch.graphql';
import watchVariables from '../examples/watch.json';

export const examples = [
  { query: overview, variables: '' },
  { query: integrate, variables: integrateVariables },
  { query: createSpace, variables: createSpaceVariables },
  { query: setPublic, variables: setPublicVariables },
  { query: bind, variables: bindVariables },
  { query: select, variables: selectVariables },
  { query: explain, variables: explainVariables },
  { query: watch, variables: watchVariables },
];
