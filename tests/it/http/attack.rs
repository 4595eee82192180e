//! Requests that mean harm, each with what becomes of it: a refusal of few bytes, before anything is run, by a gateway that
//! answers the next one. That little is done is counted, in SQL statements and bytes, as clocks lie on a busy machine.

use std::fmt::Write as _;

use api::config::Introspection;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tests::gateway::{Client, Reply, TestGateway, World};

/// What is said about a request that is refused.
const FEW_BYTES: usize = 20_000;

const TOO_COMPLEX: &str = "QUERY_TOO_COMPLEX";
const INVALID: &str = "GRAPHQL_VALIDATION_FAILED";
const UNREADABLE: &str = "GRAPHQL_PARSE_FAILED";
const BAD: &str = "BAD_USER_INPUT";

/// What is sent, and the status and code that it gets.
struct Attack {
    name: &'static str,
    request: RequestBuilder,
    status: u16,
    code: &'static str,
}

/// The attacks on one gateway, for one viewer.
struct Attacks<'a> {
    client: &'a Client,
    all: Vec<Attack>,
}

impl Attacks<'_> {
    fn raw(&mut self, name: &'static str, request: RequestBuilder, status: u16, code: &'static str) {
        self.all.push(Attack { name, request, status, code });
    }

    fn post(&self) -> RequestBuilder {
        self.client
            .request(Method::POST, "/graphql")
            .header("content-type", "application/json")
            .header("accept", "application/graphql-response+json")
    }

    fn body(&mut self, name: &'static str, body: impl Into<reqwest::Body>, status: u16, code: &'static str) {
        self.raw(name, self.post().body(body), status, code);
    }

    fn json(&mut self, name: &'static str, body: &Value, code: &'static str) {
        self.body(name, body.to_string(), 400, code);
    }

    fn document(&mut self, name: &'static str, document: impl Into<String>, code: &'static str) {
        self.json(name, &json!({ "query": document.into() }), code);
    }
}

fn nested(open: &str, inner: &str, close: &str, depth: usize) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

/// `count` texts, each with its number.
fn numbered(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut all, number| {
        let _ = write!(all, "{} ", text(number));
        all
    })
}

fn documents(attacks: &mut Attacks<'_>) {
    for depth in [65, 2_000, 15_000] {
        let lists = nested("[", "1", "]", depth);
        attacks.document("nested lists", format!("{{ nodes(ids: {lists}) {{ id }} }}"), TOO_COMPLEX);
        let objects = nested("{a:", "1", "}", depth);
        attacks.document("nested objects", format!("{{ node(id: {objects}) {{ id }} }}"), TOO_COMPLEX);
        attacks.document("nested selections", nested("{ a ", "", "}", depth), TOO_COMPLEX);
        let types = nested("[", "Int", "]", depth);
        attacks.document("nested types", format!("query ($a: {types}) {{ viewer {{ subject }} }}"), TOO_COMPLEX);
        attacks.document("open brackets", format!("{{ nodes(ids: {}", "[".repeat(depth)), TOO_COMPLEX);
        let inline = nested("... { ", "a", "}", depth);
        attacks.document("nested fragments", format!("{{ {inline} }}"), TOO_COMPLEX);
    }
    let bomb = |width: usize, depth: usize| {
        let spreads = |level| format!("...F{level} ").repeat(width);
        let fragments = numbered(depth, |level| format!("fragment F{level} on Query {{ {} }}", spreads(level + 1)));
        format!("{fragments} fragment F{depth} on Query {{ viewer {{ subject }} }} {{ ...F0 }}")
    };
    attacks.document("a bomb of fragments", bomb(2, 31), TOO_COMPLEX);
    attacks.document("a wide bomb of fragments", bomb(100, 5), TOO_COMPLEX);
    let bomb_of_conditions = bomb(2, 31).replace("...F", "... @include(if: true) ...F");
    attacks.document("a bomb behind conditions", bomb_of_conditions, UNREADABLE);
    let skipped = bomb(2, 31).replace("on Query {", "on Query @skip(if: false) {");
    attacks.document("a bomb that is perhaps skipped", skipped, TOO_COMPLEX);
    let chain = numbered(500, |level| format!("fragment F{level} on Query {{ ...F{} }}", level + 1));
    attacks.document("a chain of fragments", format!("{{ ...F0 }} {chain}"), TOO_COMPLEX);
    let cycle = "fragment A on Query { ...B } fragment B on Query { ...A } { ...A }";
    attacks.document("a cycle of fragments", cycle, INVALID);
    let unused = numbered(900, |number| format!("fragment F{number} on Query {{ a }}"));
    attacks.document("fragments that nobody spreads", format!("{{ viewer {{ subject }} }} {unused}"), INVALID);

    let aliases = |count| numbered(count, |number| format!("a{number}: viewer {{ subject }}"));
    attacks.document("ten thousand aliases", format!("{{ {} }}", aliases(10_000)), TOO_COMPLEX);
    attacks.document("201 aliases", format!("{{ {} }}", aliases(201)), TOO_COMPLEX);
    attacks.document(
        "aliases within",
        format!("{{ viewer {{ {} }} }}", numbered(300, |n| format!("a{n}: subject"))),
        TOO_COMPLEX,
    );
    let directives = |count| format!("{{ viewer {} {{ subject }} }}", "@include(if: true) ".repeat(count));
    attacks.document("five thousand directives", directives(5_000), TOO_COMPLEX);
    attacks.document("17 directives", directives(17), TOO_COMPLEX);
    attacks.document("unknown directives", format!("{{ viewer {} {{ subject }} }}", "@x ".repeat(16)), INVALID);
    attacks.document(
        "more bytes than a document has",
        format!("{{ viewer {{ subject }} }} #{}", "x".repeat(64 << 10)),
        TOO_COMPLEX,
    );
    attacks.document("more tokens than a document has", format!("{{ {} }}", "a ".repeat(8_001)), TOO_COMPLEX);
    attacks.document("one field, thousands of times", format!("{{ {} }}", "nothing ".repeat(7_000)), INVALID);
    attacks.document("a name without end", format!("{{ {} }}", "a".repeat(60_000)), INVALID);
    attacks.document("a string without end", format!("{{ node(id: \"{}", "x".repeat(60_000)), UNREADABLE);
    attacks.document("null bytes", "{ viewer { \u{0} subject } }", UNREADABLE);
    attacks.document("other scripts", "{ vіewer { subject } }", UNREADABLE);
    attacks.document("a reversed line", "{ viewer { subject } } \u{202e}", UNREADABLE);
    attacks.document("no operation", "fragment F on Query { viewer { subject } }", UNREADABLE);
    attacks.document("a definition", "type Query { a: Int }", UNREADABLE);
    attacks.document("a subscription", "subscription { nothing }", INVALID);
    let operations = numbered(1_000, |number| format!("query Q{number} {{ __typename }}"));
    attacks.document("thousands of operations", operations, BAD);
}

fn breadth(attacks: &mut Attacks<'_>) {
    let wide = |first: &str| {
        format!("registries(first: {first}) {{ nodes {{ spaces(first: {first}) {{ nodes {{ images(first: {first}) {{ nodes {{
            tags(first: {first}) {{ nodes {{ name }} }} }} }} }} }} }} }}")
    };
    attacks.document("lists of lists", format!("{{ {} }}", wide("100")), TOO_COMPLEX);
    attacks.document("lists from behind", format!("{{ {} }}", wide("100").replace("first", "last")), TOO_COMPLEX);
    let by_variable = format!("query ($n: Int) {{ {} }}", wide("$n"));
    attacks.json("lists by a variable", &json!({ "query": by_variable, "variables": { "n": 100 } }), TOO_COMPLEX);
    let by_default = format!("query ($n: Int = 100) {{ {} }}", wide("$n"));
    attacks.document("lists by a variable's default", by_default, TOO_COMPLEX);
    attacks.json(
        "lists by a variable that is huge",
        &json!({ "query": by_variable, "variables": { "n": i32::MAX } }),
        TOO_COMPLEX,
    );
    let fragment = format!("{{ ...F }} fragment F on Query {{ {} }}", wide("100"));
    attacks.document("lists in a fragment", fragment, TOO_COMPLEX);
    let selector = "availableImages(namespace: { name: \"a\" }, first: 100) { nodes { tags(first: 100) { nodes { name artifact { digest } } } } }";
    attacks.document("a page of artifacts", format!("{{ {selector} }}"), TOO_COMPLEX);
    let circle = nested("nodes { registry { spaces(first: 1) { ", "totalCount", "} } }", 12);
    attacks.document("round in a circle", format!("{{ spaces(first: 1) {{ {circle} }} }}"), TOO_COMPLEX);

    let circle = |depth| nested("fields { type { ", "name", "} }", depth);
    attacks.document("the schema, in circles", format!("{{ __schema {{ types {{ {} }} }} }}", circle(8)), TOO_COMPLEX);
    attacks.document("a type, in circles", format!("{{ __type(name: \"Query\") {{ {} }} }}", circle(8)), TOO_COMPLEX);
    let types = numbered(100, |number| format!("t{number}: types {{ fields {{ args {{ name type {{ name }} }} }} }}"));
    attacks.document("the schema, many times", format!("{{ __schema {{ {types} }} }}"), TOO_COMPLEX);
    let whole = "fragment W on __Schema { types { fields { args { type { name } } type { fields { name } } } } }";
    let spreads = numbered(100, |number| format!("s{number}: __schema {{ ...W }}"));
    attacks.document("the schema, by fragments", format!("{{ {spreads} }} {whole}"), TOO_COMPLEX);
    let of_type = nested("ofType { ", "name", "}", 30);
    attacks.document("types of types", format!("{{ __schema {{ types {{ {of_type} }} }} }}"), TOO_COMPLEX);
}

fn bodies(attacks: &mut Attacks<'_>) {
    let viewer = "{ viewer { subject } }";
    let body = json!({ "query": viewer }).to_string();
    for depth in [200, 100_000] {
        let deep = nested("[", "1", "]", depth);
        attacks.body("deep variables", format!("{{\"query\":\"{viewer}\",\"variables\":{{\"a\":{deep}}}}}"), 400, BAD);
        let deep = nested("{\"a\":", "1", "}", depth);
        attacks.body("deep extensions", format!("{{\"query\":\"{viewer}\",\"extensions\":{deep}}}"), 400, BAD);
    }
    attacks.body("a batch", format!("[{}]", vec![body.as_str(); 1_000].join(",")), 400, BAD);
    attacks.body("an empty batch", "[]", 400, BAD);
    attacks.body("parameters as a list", format!("[\"{viewer}\", null, null, null]"), 400, BAD);
    attacks.body("two queries", format!("{{\"query\":\"{viewer}\",\"query\":\"mutation {{ x }}\"}}"), 400, BAD);
    attacks.body(
        "variables twice",
        format!("{{\"variables\":{{}},\"query\":\"{viewer}\",\"variables\":null}}"),
        400,
        BAD,
    );
    attacks.body("no UTF-8", [b"{\"query\":\"".as_slice(), b"\xff\xfe", b"\"}"].concat(), 400, BAD);
    attacks.body("half of a pair", format!("{{\"query\":\"{viewer} # \\ud800\"}}"), 400, BAD);
    attacks.body("a byte order mark", format!("\u{feff}{body}"), 400, BAD);
    attacks.body("UTF-16", body.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(), 400, BAD);
    attacks.body("nothing but blanks", " ".repeat(100_000), 400, BAD);
    attacks.body("a number beyond all", format!("{{\"query\":\"{viewer}\",\"variables\":{{\"a\":1e999}}}}"), 400, BAD);
    attacks.body("too long", format!("{{\"query\":\"{viewer}\",\"more\":\"{}\"}}", "x".repeat(1 << 20)), 413, BAD);
    attacks.json(
        "an operation's name without end",
        &json!({ "query": viewer, "operationName": "x".repeat(500_000) }),
        BAD,
    );
    attacks.json("a list as variables", &json!({ "query": viewer, "variables": [1] }), BAD);

    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-7",
        "application/json; charset=utf-16",
        "application/json, text/plain",
        "application/jsonp",
        "",
    ] {
        let request = attacks.client.request(Method::POST, "/graphql").header("content-type", content_type);
        attacks.raw("a type that browsers send unasked, or none", request.body(body.clone()), 415, BAD);
    }
    let multipart = format!(
        "--x\r\ncontent-disposition: form-data; name=\"operations\"\r\n\r\n{body}\r\n--x\r\n\
        content-disposition: form-data; name=\"map\"\r\n\r\n{{}}\r\n--x--\r\n"
    );
    let request =
        attacks.client.request(Method::POST, "/graphql").header("content-type", "multipart/form-data; boundary=x");
    attacks.raw("an upload", request.body(multipart), 415, BAD);
    for coding in ["gzip", "br", "deflate", "gzip, gzip"] {
        // What would come out of it is nobody's business: it is not looked at.
        let request = attacks.post().header("content-encoding", coding);
        attacks.raw("a compressed body", request.body(vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0]), 415, BAD);
    }
    let request = attacks.post().header("accept", "text/html").header("accept", "image/png");
    attacks.raw("another content type besides", request.header("content-type", "text/plain").body(body), 415, BAD);
}

fn addresses(attacks: &mut Attacks<'_>) {
    let get = |client: &Client, query: &str| {
        client.request(Method::GET, &format!("/graphql?{query}")).header("accept", "application/graphql-response+json")
    };
    let mutation = "query=mutation%7BcreateWorkspace(input:%7Bname:%22sneaky%22%7D)%7Bworkspace%7Bid%7D%7D%7D";
    let named = mutation.replace("mutation%7B", "mutation%20M%7B");
    for (name, query, status, code) in [
        ("an act by GET", mutation.to_owned(), 405, BAD),
        ("an act by GET beside a query", format!("{named}%20query%20Q%7B__typename%7D&operationName="), 400, BAD),
        ("two documents", "query=%7B__typename%7D&query=%7B__typename%7D".to_owned(), 400, BAD),
        ("variables that are none", "query=%7B__typename%7D&variables=%5B1%5D".to_owned(), 400, BAD),
        ("variables that are no JSON", "query=%7B__typename%7D&variables=%7B".to_owned(), 400, BAD),
        ("deep variables", format!("query=%7B__typename%7D&variables={}", "%5B".repeat(5_000)), 400, BAD),
        ("no UTF-8", "query=%FF%FE".to_owned(), 400, UNREADABLE),
        ("nested lists", format!("query=%7Bnodes(ids:{})%7Bid%7D%7D", "%5B".repeat(5_000)), 400, TOO_COMPLEX),
        ("ten thousand parameters", "a=b&".repeat(10_000), 400, BAD),
    ] {
        attacks.raw(name, get(attacks.client, &query), status, code);
    }
    let disguised = get(attacks.client, mutation).header("x-http-method-override", "POST");
    attacks.raw("an act by GET that says it is a POST", disguised, 405, BAD);
    let request = attacks
        .client
        .request(Method::POST, &format!("/graphql?{mutation}"))
        .header("content-type", "application/json");
    attacks.raw("an act beside the body", request.body("{}"), 400, BAD);
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE, Method::OPTIONS] {
        attacks.raw("another method", attacks.client.request(method, "/graphql"), 405, "");
    }
}

#[tokio::test]
async fn attacks_cost_their_sender_more_than_the_gateway() {
    let gateway = TestGateway::start().await;
    let client = gateway.as_outsider();
    let mut attacks = Attacks { client: &client, all: Vec::new() };
    documents(&mut attacks);
    breadth(&mut attacks);
    bodies(&mut attacks);
    addresses(&mut attacks);
    let mut wrong = Vec::new();
    for Attack { name, request, status, code } in attacks.all {
        // What the background reads now and then is no part of it.
        let before = gateway.statements();
        let reply = Reply::of(request).await;
        let n_statements = gateway.statements() - before;
        let shown: String = reply.text.chars().take(300).collect();
        let answer = (reply.status, reply.code().unwrap_or_default());
        if answer != (status, code) {
            wrong.push(format!("{name}: must be {status} {code}, is {answer:?}: {shown}"));
        }
        assert!(reply.text.len() < FEW_BYTES, "{name}: an answer of {} bytes: {shown}", reply.text.len());
        assert!(n_statements < 10, "{name}: {n_statements} statements");
        assert!(reply.header("x-request-id").is_some(), "{name}");
        client.ask("{ __typename }").await.succeeded();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let sneaky = gateway.as_admin().ask("{ workspace(name: \"sneaky\") { id } }").await;
    assert!(sneaky.data("workspace").is_null());
}

/// What is well-formed and refers to nothing: answered as if it were an honest mistake.
#[tokio::test]
async fn ids_and_texts_that_lead_nowhere_lead_nowhere() {
    let world = World::start().await;
    let id = &world.main;
    let cases = [
        String::new(),
        "x".to_owned(),
        "-1".to_owned(),
        "0".to_owned(),
        "%00".to_owned(),
        "\u{0}".to_owned(),
        "\u{1F6A2}".to_owned(),
        "../../etc/passwd".to_owned(),
        "' OR 1=1 --".to_owned(),
        "${jndi:ldap://x}".to_owned(),
        "x".repeat(500_000),
        format!("{id}="),
        format!(" {id}"),
        format!("{id}\u{0}"),
        format!("{id}{id}"),
        id[1..].to_owned(),
        id.to_lowercase(),
        id.to_uppercase(),
        world.payments.clone(),
    ];
    let find = |document: &str, text: &str| {
        let (client, document, variables) = (world.admin.clone(), document.to_owned(), json!({ "id": text }));
        async move { client.query(&document, variables).await }
    };
    for text in &cases {
        let shown: String = text.chars().take(40).collect();
        let is_id = *text == world.payments;
        let reply = find("query ($id: ID!) { node(id: $id) { id } }", text).await;
        assert_eq!(reply.status, 200, "{shown:?}");
        assert_eq!(reply.body()["data"]["node"].is_null(), !is_id, "{shown:?}: {}", reply.body()["data"]);
        for document in [
            "query ($id: ID!) { registry(id: $id) { id } }",
            "query ($id: ID!) { space(id: $id) { id } }",
            "query ($id: String!) { availableImage(namespace: { name: \"stray\" }, reference: $id) { node { id } } }",
            "query ($id: String!) { availableImages(namespace: { name: $id }) { totalCount } }",
            "query ($id: String!) { availableImages(namespace: { name: \"stray\" }, after: $id) { totalCount } }",
            "query ($id: String!) { spaces(after: $id) { totalCount } }",
            "query ($id: String!) { workspace(name: $id) { id } }",
            "mutation ($id: ID!) { removeRegistry(input: { id: $id }) { removedId } }",
            "mutation ($id: ID!) { refreshRegistry(input: { id: $id }) { registry { id } } }",
            "mutation ($id: String!) { createWorkspace(input: { name: $id }) { workspace { id } } }",
        ] {
            let reply = find(document, text).await;
            let code = reply.code().unwrap_or("none");
            assert_ne!(code, "INTERNAL_SERVER_ERROR", "{document} of {shown:?}");
            assert!(reply.text.len() < FEW_BYTES, "{document} of {shown:?}: {} bytes", reply.text.len());
        }
    }
    let reply = world.admin.query("query ($id: ID!) { registry(id: $id) { id } }", json!({ "id": id })).await;
    assert_eq!(reply.string("registry.id"), *id);
}

#[tokio::test]
async fn what_tools_ask_of_the_schema_is_not_too_much() {
    let gateway = TestGateway::start().await;
    let of_type = nested("ofType { kind name ", "", "}", 9);
    let document = format!("query IntrospectionQuery {{ __schema {{ description queryType {{ name kind }} mutationType {{ name kind }}
        subscriptionType {{ name kind }} types {{ ...FullType }}
        directives {{ name description isRepeatable locations args(includeDeprecated: true) {{ ...InputValue }} }} }} }}
        fragment FullType on __Type {{ kind name description specifiedByURL isOneOf
          fields(includeDeprecated: true) {{ name description args(includeDeprecated: true) {{ ...InputValue }} type {{ ...TypeRef }} isDeprecated deprecationReason }}
          inputFields(includeDeprecated: true) {{ ...InputValue }} interfaces {{ ...TypeRef }}
          enumValues(includeDeprecated: true) {{ name description isDeprecated deprecationReason }} possibleTypes {{ ...TypeRef }} }}
        fragment InputValue on __InputValue {{ name description type {{ ...TypeRef }} defaultValue isDeprecated deprecationReason }}
        fragment TypeRef on __Type {{ kind name {of_type} }}");
    let reply = gateway.as_outsider().ask(&document).await;
    assert_eq!(reply.string("__schema.queryType.name"), "Query");
}

#[tokio::test]
async fn names_are_suggested_where_the_schema_may_be_read() {
    for (introspection, is_told) in [(Introspection::Authenticated, true), (Introspection::Never, false)] {
        let gateway =
            TestGateway::builder().configure(move |config| config.introspection = introspection).start().await;
        for document in ["{ registrys { totalCount } }", "{ registries(firs: 1) { totalCount } }"] {
            let reply = gateway.as_outsider().ask(document).await;
            assert_eq!(reply.code(), Some(INVALID));
            assert_eq!(reply.text.contains("Did you mean"), is_told, "{}", reply.text);
        }
    }
}

#[tokio::test]
async fn tokens_that_are_none_are_refused_and_not_repeated() {
    let gateway = TestGateway::start().await;
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtYWxsb3J5Iiwicm9sZXMiOlsiYWRtaW4iXSwiZXhwIjo5OTk5OTk5OTk5fQ.";
    for token in ["", "x", "a.b.c", unsigned, &"x".repeat(60_000), &"a.".repeat(20_000)] {
        let reply = gateway.with_token(token).ask("{ viewer { subject } }").await;
        assert_eq!((reply.status, reply.code()), (401, Some("UNAUTHENTICATED")), "{token:.40}");
        assert!(reply.text.len() < 1_000);
    }
    let twice = gateway.as_outsider().request(Method::POST, "/graphql").header("authorization", "Bearer x");
    assert_eq!(Reply::of(twice.json(&json!({ "query": "{ __typename }" }))).await.status, 401);
}
