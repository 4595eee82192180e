use async_graphql::Request;

use super::*;

fn prepare(request: &mut Request) -> Result<(), LimitError> {
    Documents::new(Limits::default()).prepare(request)
}

fn check(document: impl Into<String>) -> Result<(), &'static str> {
    prepare(&mut Request::new(document)).map_err(|error| error.code())
}

const TOO_COMPLEX: Result<(), &str> = Err("QUERY_TOO_COMPLEX");
const UNPARSEABLE: Result<(), &str> = Err("GRAPHQL_PARSE_FAILED");

#[test]
fn ordinary_documents_pass() {
    let document = r#"
        query Select($namespace: NamespaceKey!, $first: [Int!] = [1, 2]) {
          availableImages(namespace: $namespace, search: "a { [ ( \" # b", first: 20) {
            nodes { ...Row ... on Image { id } }  # {{{{
          }
        }
        fragment Row on Image @include(if: true) { reference(x: """{[( \""" """, y: -1.5e3) }"#;
    let mut request = Request::new(document);
    assert!(prepare(&mut request).is_ok());
    assert_eq!(request.parsed_query().unwrap().fragments.len(), 1);
    assert_eq!(check("\u{feff}{ a }"), Ok(()));
}

#[test]
fn nested_values_end_before_the_parser() {
    for depth in [65, 2_000, 30_000] {
        for (open, close) in [("[", "]"), ("{a:", "}")] {
            let document = format!("{{ f(a: {}1{}) }}", open.repeat(depth), close.repeat(depth));
            assert_eq!(check(document), TOO_COMPLEX, "{depth} × {open}");
        }
        let document = format!("{}a{}", "{a".repeat(depth), "}".repeat(depth));
        assert_eq!(check(document), TOO_COMPLEX, "{depth} selections");
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        let document = format!("query($a: {open}Int{close}) {{ a }}");
        assert_eq!(check(document), TOO_COMPLEX, "{depth} list types");
    }
    let document = format!("{{ f(a: {}1{}) }}", "[".repeat(60), "]".repeat(60));
    assert_eq!(check(document), Ok(()));
}

#[test]
fn fragment_bombs_are_counted_and_not_walked() {
    let mut document = String::from("{ ...F0 }");
    for level in 0..31 {
        let next = level + 1;
        document += &format!(" fragment F{level} on Q {{ ...F{next} ...F{next} }}");
    }
    document += " fragment F31 on Q { a }";
    assert_eq!(check(document), TOO_COMPLEX);
}

#[test]
fn fragment_cycles_are_refused() {
    for document in [
        "{ ...A } fragment A on Q { a ...A }",
        "{ ...A } fragment A on Q { ...B } fragment B on Q { a { ...A } }",
        "{ a } fragment A on Q { ...B } fragment B on Q { ...A }",
    ] {
        assert_eq!(check(document), Err("GRAPHQL_VALIDATION_FAILED"), "{document}");
    }
}

#[test]
fn long_chains_of_fragments_are_refused() {
    let mut document = String::from("{ ...F0 }");
    for level in 0..900 {
        document += &format!(" fragment F{level} on Q {{ ...F{} }}", level + 1);
    }
    assert_eq!(check(document), TOO_COMPLEX);
}

#[test]
fn size_and_tokens_are_bounded() {
    assert_eq!(check(format!("{{ a }} #{}", " ".repeat(64 << 10))), TOO_COMPLEX);
    assert_eq!(check(format!("{{ {} }}", "a ".repeat(8_001))), TOO_COMPLEX);
    assert_eq!(check(format!("{{ {} }}", "a ".repeat(7_000))), Ok(()));
}

#[test]
fn brackets_in_strings_do_not_count() {
    let brackets = "[".repeat(1_000);
    let document = format!(r#"{{ f(a: "{brackets}", b: """{brackets}"{brackets}""") }}"#);
    assert_eq!(check(document), Ok(()));
}

#[test]
fn strings_must_end() {
    for string in ["\"", "\"\n\") }", "\"\\", "\"\"\"x\"\") }", "\"\"\""] {
        assert_eq!(check(format!("{{ f(a: {string}")), UNPARSEABLE, "{string}");
    }
}

#[test]
fn syntax_errors_tell_where_and_what() {
    let error = prepare(&mut Request::new("{ a(b: ) }")).unwrap_err();
    insta::assert_json_snapshot!(ServerError::from(error), @r#"
    {
      "message": "syntax error: expected value",
      "locations": [
        {
          "line": 1,
          "column": 8
        }
      ],
      "extensions": {
        "code": "GRAPHQL_PARSE_FAILED"
      }
    }
    "#);
    for document in ["", "   ", "#", "{", "query", "\u{1F6A2}", "{ a } }"] {
        assert_eq!(check(document), UNPARSEABLE, "{document}");
    }
}

#[test]
fn a_document_that_was_looked_at_before_is_as_it_was() {
    let documents = Documents::new(Limits::default());
    for _ in 0..2 {
        let mut request = Request::new("{ a ...F } fragment F on T { b }");
        documents.prepare(&mut request).unwrap();
        let document = request.parsed_query().unwrap();
        assert_eq!(document.fragments.len(), 1);
        // What one request does with its own is nothing to the next.
        let mut changed = document.clone();
        changed.fragments.clear();
        request.set_parsed_query(changed);
        // Refused as often as it comes.
        assert!(documents.prepare(&mut Request::new("{ a ")).is_err());
    }
}
