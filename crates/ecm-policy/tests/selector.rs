//! Label selectors (behaviour 1.3). The cases follow k8s.io/apimachinery, pkg/labels, so that a
//! selector means here what it means to kubectl.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use ecm_policy::selector::Selector;
use proptest::prelude::*;

fn labels(text: &str) -> BTreeMap<String, String> {
    text.split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn matches(selector: &str, with: &str) -> bool {
    Selector::parse(selector).unwrap().matches(&labels(with))
}

#[test]
fn rule_1_3_every_operator_matches_as_in_kubernetes() {
    for (selector, yes, no) in [
        ("k8s-svc=cube", "k8s-svc=cube,x=y", "k8s-svc=other"),
        ("k8s-svc==cube", "k8s-svc=cube", "x=cube"),
        ("k8s-svc!=cube", "x=y", "k8s-svc=cube"),
        ("k8s-svc!=cube", "k8s-svc=other", "k8s-svc=cube"),
        ("r in (a,b)", "r=b", "r=c"),
        ("r in (a,b)", "r=a", ""),
        ("r notin (a,b)", "r=c", "r=a"),
        ("r notin (a,b)", "", "r=b"),
        ("r", "r=", "x=y"),
        ("!r", "x=y", "r="),
        ("n>4", "n=5", "n=4"),
        ("n<4", "n=3", "n=4"),
        ("n<4", "n=3", "n=many"),
        ("n<4", "n=3", ""),
        ("a=1,b=2", "a=1,b=2", "a=1"),
        ("a in (1),!b", "a=1", "a=1,b=2"),
        ("a=", "a=", "a=1"),
        ("a!=", "a=1", "a="),
        ("a in (,x)", "a=", "a=y"),
        ("a in (,)", "a=", "a=y"),
        (
            "example.com/role=edge",
            "example.com/role=edge",
            "role=edge",
        ),
        ("a=in", "a=in", "a=notin"),
        (" a  =  1 ,\tb in ( 2 , 3 ) ", "a=1,b=3", "a=1,b=4"),
    ] {
        assert!(matches(selector, yes), "{selector} should match {yes}");
        assert!(!matches(selector, no), "{selector} should not match {no}");
    }
}

#[test]
fn rule_1_3_an_empty_text_matches_everything() {
    for text in ["", "  "] {
        let selector = Selector::parse(text).unwrap();
        assert!(selector.is_everything());
        assert!(selector.matches(&labels("")));
    }
    assert!(!Selector::parse("a").unwrap().is_everything());
}

#[test]
fn rule_1_3_an_error_names_the_position() {
    for (text, position, found) in [
        ("k8s-svc=cube=x", 13, "'='"),
        (",a", 1, "','"),
        ("a,", 3, "the end"),
        ("a,,b", 3, "','"),
        ("a b", 3, "\"b\""),
        ("a in", 5, "the end"),
        ("a in b", 6, "\"b\""),
        ("a in ()", 7, "')'"),
        ("a in (x", 8, "the end"),
        ("a in (x y)", 9, "\"y\""),
        ("a in (x))", 9, "')'"),
        ("a===b", 4, "'='"),
        ("!a=b", 3, "'='"),
        ("!", 2, "the end"),
        ("in in (a)", 1, "\"in\""),
        ("a!b", 2, "'!'"),
        ("a>x", 3, "\"x\""),
        ("a>", 3, "the end"),
        ("a>-1", 3, "\"-1\""),
        ("a/b/c=d", 1, "\"a/b/c\""),
        ("a=b/c", 3, "\"b/c\""),
        ("ключ=x", 1, "\"ключ\""),
        ("a=я,b c", 3, "\"я\""),
    ] {
        let error = Selector::parse(text).unwrap_err();
        assert_eq!(
            (error.position, error.found.as_str()),
            (position, found),
            "{text}"
        );
        let message = error.to_string();
        assert!(
            message.contains(&format!("at character {position}")),
            "{message}"
        );
    }
}

#[test]
fn rule_1_3_keys_and_values_have_the_lengths_of_labels() {
    let (just, over) = ("a".repeat(63), "a".repeat(64));
    assert!(Selector::parse(&format!("{just}={just}")).is_ok());
    assert!(Selector::parse(&over).is_err());
    assert!(Selector::parse(&format!("a={over}")).is_err());
    let prefix = [
        "a".repeat(63),
        "b".repeat(63),
        "c".repeat(63),
        "d".repeat(61),
    ]
    .join(".");
    assert!(Selector::parse(&format!("{prefix}/{just}")).is_ok());
    assert!(Selector::parse(&format!("{prefix}x/{just}")).is_err());
}

#[test]
fn rule_2_2_the_keys_tell_which_labels_matter() {
    let selector = Selector::parse("a=1,!b,c in (x,y)").unwrap();
    assert_eq!(selector.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn a_selector_travels_as_its_text() {
    let selector = Selector::parse("b notin (y,x), a == 1").unwrap();
    let json = serde_json::to_string(&selector).unwrap();
    assert_eq!(json, r#""b notin (x,y),a=1""#);
    assert_eq!(serde_json::from_str::<Selector>(&json).unwrap(), selector);
}

fn key() -> impl Strategy<Value = String> {
    "([a-z]{1,5}\\.[a-z]{1,3}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,8}[A-Za-z0-9])?"
        .prop_filter("a keyword is no key", |key| key != "in" && key != "notin")
}

fn value() -> impl Strategy<Value = String> {
    "([A-Za-z0-9]([A-Za-z0-9_.-]{0,8}[A-Za-z0-9])?)?"
}

fn requirement() -> impl Strategy<Value = String> {
    let list = proptest::collection::vec(value(), 1..4);
    prop_oneof![
        key(),
        key().prop_map(|k| format!("!{k}")),
        (
            key(),
            prop_oneof![Just("="), Just("=="), Just("!=")],
            value()
        )
            .prop_map(|(k, op, v)| format!("{k}{op}{v}")),
        (key(), prop_oneof![Just("in"), Just("notin")], list).prop_map(|(k, op, mut list)| {
            // "()" is no value at all; a comma makes it the empty one.
            if list.len() == 1 && list[0].is_empty() {
                list.push(String::new());
            }
            format!("{k} {op} ({})", list.join(","))
        }),
        (key(), prop_oneof![Just(">"), Just("<")], 0i64..)
            .prop_map(|(k, op, n)| format!("{k}{op}{n}")),
    ]
}

proptest! {
    #[test]
    fn what_is_shown_reads_back(requirements in proptest::collection::vec(requirement(), 0..5)) {
        let selector = Selector::parse(&requirements.join(",")).unwrap();
        prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
    }

    #[test]
    fn no_text_makes_it_panic(text in "[a-c=!<>(), in\u{e9}]{0,30}") {
        if let Ok(selector) = Selector::parse(&text) {
            prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
        }
    }

    #[test]
    fn a_comma_means_and(
        a in requirement(),
        b in requirement(),
        with in proptest::collection::btree_map(key(), value(), 0..4),
    ) {
        let both = Selector::parse(&format!("{a},{b}")).unwrap().matches(&with);
        let each = [a, b].iter().all(|s| Selector::parse(s).unwrap().matches(&with));
        prop_assert_eq!(both, each);
    }
}
