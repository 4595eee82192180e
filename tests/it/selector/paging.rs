//! Pages of the selector, forwards and backwards.

use serde_json::{Value, json};
use tests::{
    gateway::{Client, Selector, TestGateway},
    harbor::SimulatedHarbor,
};

/// 7 public images, `image-1` to `image-7`.
async fn seven_images() -> (TestGateway, SimulatedHarbor, String) {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    for number in 1..=7 {
        harbor.push("library", &format!("image-{number}"), "1.0");
    }
    let registry = gateway.as_admin().integrate_harbor("main", &harbor).await;
    (gateway, harbor, registry)
}

async fn page(viewer: &Client, arguments: Value) -> Selector {
    viewer.select("stray", arguments).await
}

fn numbers(selector: &Selector) -> String {
    selector
        .rows()
        .iter()
        .map(|row| row.trim_start_matches("library/image-").trim_end_matches(" PUBLIC").to_owned())
        .collect()
}

fn cursor(selector: &Selector, field: &str) -> String {
    selector.page_info(field).as_str().unwrap_or_else(|| panic!("`{field}` is no cursor")).to_owned()
}

fn neighbours(selector: &Selector) -> (bool, bool) {
    (selector.page_info("hasPreviousPage") == true, selector.page_info("hasNextPage") == true)
}

#[tokio::test]
async fn pages_forward_list_every_image_once() {
    let (gateway, _harbor, _) = seven_images().await;
    let viewer = gateway.as_outsider();
    let mut arguments = json!({ "first": 3 });
    for (expected, around) in [("123", (false, true)), ("456", (true, true)), ("7", (true, false))] {
        let selector = page(&viewer, arguments.clone()).await;
        assert_eq!(numbers(&selector), expected);
        assert_eq!(neighbours(&selector), around, "{expected}");
        assert_eq!(selector.total(), 7);
        arguments["after"] = json!(cursor(&selector, "endCursor"));
    }
}

#[tokio::test]
async fn pages_backward_list_every_image_once() {
    let (gateway, _harbor, _) = seven_images().await;
    let viewer = gateway.as_outsider();
    let mut arguments = json!({ "last": 3 });
    for (expected, around) in [("567", (true, false)), ("234", (true, true)), ("1", (false, true))] {
        let selector = page(&viewer, arguments.clone()).await;
        assert_eq!(numbers(&selector), expected);
        assert_eq!(neighbours(&selector), around, "{expected}");
        assert_eq!(selector.total(), 7);
        arguments["before"] = json!(cursor(&selector, "startCursor"));
    }
}

#[tokio::test]
async fn the_cursors_of_a_page_are_those_of_its_first_and_last_edge() {
    let (gateway, _harbor, _) = seven_images().await;
    let selector = page(&gateway.as_outsider(), json!({ "first": 3 })).await;
    assert_eq!(selector.page_info("startCursor"), selector.reply.data("availableImages.edges.0.cursor"));
    assert_eq!(selector.page_info("endCursor"), selector.reply.data("availableImages.edges.2.cursor"));
}

#[tokio::test]
async fn an_empty_answer_has_no_cursors_and_no_neighbours() {
    let (gateway, _harbor, _) = seven_images().await;
    let selector = page(&gateway.as_outsider(), json!({ "search": "nothing-like-it" })).await;
    assert_eq!(selector.page_info("startCursor"), &Value::Null);
    assert_eq!(selector.page_info("endCursor"), &Value::Null);
    assert_eq!(neighbours(&selector), (false, false));
}

#[tokio::test]
async fn a_window_between_two_cursors_can_be_read_from_either_end() {
    let (gateway, _harbor, _) = seven_images().await;
    let viewer = gateway.as_outsider();
    let all = page(&viewer, json!({})).await;
    let (second, sixth) =
        (all.reply.string("availableImages.edges.1.cursor"), all.reply.string("availableImages.edges.5.cursor"));
    let forward = page(&viewer, json!({ "after": second, "before": sixth, "first": 2 })).await;
    assert_eq!(numbers(&forward), "34");
    let backward = page(&viewer, json!({ "after": second, "before": sixth, "last": 2 })).await;
    assert_eq!(numbers(&backward), "45");
}

#[tokio::test]
async fn every_order_can_be_paged_to_its_end() {
    let (gateway, harbor, registry) = seven_images().await;
    for number in 1..=7 {
        harbor.pulled("library", &format!("image-{number}"), number % 3);
    }
    gateway.as_admin().refresh(&registry).await.succeeded();
    let viewer = gateway.as_outsider();
    for field in ["REFERENCE", "UPDATED_AT", "PULL_COUNT", "RELEVANCE"] {
        for direction in ["ASC", "DESC"] {
            let base = json!({ "orderBy": { "field": field, "direction": direction }, "search": "image" });
            let whole = numbers(&page(&viewer, base.clone()).await);
            let (mut forward, mut arguments) = (String::new(), base.clone());
            arguments["first"] = json!(2);
            loop {
                let selector = page(&viewer, arguments.clone()).await;
                forward += &numbers(&selector);
                assert!(forward.len() <= 7, "{field} {direction}: {forward} against {whole}");
                if !neighbours(&selector).1 {
                    break;
                }
                arguments["after"] = json!(cursor(&selector, "endCursor"));
            }
            assert_eq!(forward, whole, "{field} {direction}");
        }
    }
}

#[tokio::test]
async fn a_cursor_outlives_its_image_and_new_neighbours() {
    let (gateway, harbor, registry) = seven_images().await;
    let viewer = gateway.as_outsider();
    let first = page(&viewer, json!({ "first": 3 })).await;
    let after = cursor(&first, "endCursor");
    harbor.delete_repository("library", "image-3");
    harbor.push("library", "image-0", "1.0");
    gateway.as_admin().refresh(&registry).await.succeeded();
    let second = page(&viewer, json!({ "first": 3, "after": after })).await;
    assert_eq!(numbers(&second), "456");
    assert_eq!(neighbours(&second), (true, true));
}

#[tokio::test]
async fn a_page_is_20_images_unless_more_are_asked_for_and_100_at_most() {
    let (gateway, harbor) = (TestGateway::start().await, SimulatedHarbor::start().await);
    for number in 0..105 {
        harbor.push("library", &format!("image-{number:03}"), "1.0");
    }
    gateway.as_admin().integrate_harbor("main", &harbor).await;
    let viewer = gateway.as_outsider();
    assert_eq!(page(&viewer, json!({})).await.rows().len(), 20);
    let full = page(&viewer, json!({ "first": 100 })).await;
    assert_eq!((full.rows().len(), full.total()), (100, 105));
    for arguments in [json!({ "first": 101 }), json!({ "last": 101 })] {
        let selector = page(&viewer, arguments.clone()).await;
        selector.reply.refused("BAD_USER_INPUT");
        assert!(selector.reply.message().contains("100"), "{arguments}: {}", selector.reply.message());
    }
}

#[tokio::test]
async fn senseless_pages_are_refused_and_name_the_argument() {
    let (gateway, _harbor, _) = seven_images().await;
    let viewer = gateway.as_outsider();
    let descending = json!({ "first": 2, "orderBy": { "field": "PULL_COUNT", "direction": "DESC" } });
    let of_another_order = cursor(&page(&viewer, descending).await, "endCursor");
    for (arguments, field) in [
        (json!({ "first": -1 }), "first"),
        (json!({ "last": -1 }), "last"),
        (json!({ "after": "nonsense" }), "after"),
        (json!({ "before": "nonsense" }), "before"),
        (json!({ "after": "" }), "after"),
        (json!({ "after": of_another_order }), "after"),
    ] {
        let selector = page(&viewer, arguments.clone()).await;
        selector.reply.refused("BAD_USER_INPUT");
        assert_eq!(selector.reply.field(), Some(field), "{arguments}");
    }
    page(&viewer, json!({ "first": 2, "last": 2 })).await.reply.refused("BAD_USER_INPUT");
}
