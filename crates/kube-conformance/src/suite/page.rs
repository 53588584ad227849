//! Lists in pages.

use serde_json::{Value, json};

use crate::answer::{names, revision, text};
use crate::collection::Collection;
use crate::failure::{Failure, holds, same};
use crate::kind::CONFIG_MAPS;
use crate::{Outcome, Test};

group!(
    "page",
    (
        a_limit_cuts_the_list_and_says_where_to_go_on,
        "ecm-reconciler watch.rs: pages of 250"
    ),
    (
        all_pages_together_have_each_object_once,
        "ecm-reconciler index.rs: what is not listed is gone"
    ),
    (
        the_last_page_has_no_token,
        "kube-runtime watcher: the end of the list"
    ),
    (
        all_pages_show_the_same_moment,
        "ecm-reconciler index.rs: one list is one moment"
    ),
    (
        how_many_follow_is_told_without_a_selector,
        "kubectl get --chunk-size"
    ),
    (
        how_many_follow_is_not_told_with_a_selector,
        "kubectl get --chunk-size"
    ),
    (
        the_page_size_may_change_on_the_way,
        "kubectl get --chunk-size"
    ),
    (
        a_broken_token_is_refused,
        "kube-runtime watcher: lists anew"
    ),
    (
        a_token_with_a_revision_is_refused,
        "kube-runtime ListParams"
    ),
);

/// Five objects with a label that nothing else has.
async fn five(test: &Test) -> Result<Collection, Failure> {
    let maps = test.on(&CONFIG_MAPS).with("labelSelector", "of=us");
    for name in ["a", "b", "c", "d", "e"] {
        let body = json!({"metadata": {"name": name, "labels": {"of": "us"}}});
        maps.create(body).await?.done()?;
    }
    Ok(maps)
}

fn token(list: &Value) -> &str {
    text(list, "/metadata/continue")
}

async fn next(maps: &Collection, list: &Value, limit: &str) -> Result<Value, Failure> {
    let rest = maps.clone().with("continue", token(list));
    rest.with("limit", limit).list().await?.done()
}

async fn a_limit_cuts_the_list_and_says_where_to_go_on(test: Test) -> Outcome {
    let maps = five(&test).await?;
    let list = maps.with("limit", "2").list().await?.done()?;
    same("names", &names(&list), &vec!["a", "b"])?;
    holds(
        "the token",
        !token(&list).is_empty(),
        "a token",
        &list["metadata"],
    )
}

async fn all_pages_together_have_each_object_once(test: Test) -> Outcome {
    let maps = five(&test).await?;
    let mut list = maps.clone().with("limit", "2").list().await?.done()?;
    let mut seen: Vec<String> = names(&list).iter().map(ToString::to_string).collect();
    for _ in 0..5 {
        if token(&list).is_empty() {
            break;
        }
        list = next(&maps, &list, "2").await?;
        seen.extend(names(&list).iter().map(ToString::to_string));
    }
    let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
    same("names of all pages", &seen, &vec!["a", "b", "c", "d", "e"])
}

async fn the_last_page_has_no_token(test: Test) -> Outcome {
    let maps = five(&test).await?;
    let list = maps.clone().with("limit", "4").list().await?.done()?;
    let last = next(&maps, &list, "4").await?;
    same("names", &names(&last), &vec!["e"])?;
    same("the token", &last["metadata"].get("continue"), &None)
}

async fn all_pages_show_the_same_moment(test: Test) -> Outcome {
    let maps = five(&test).await?;
    let first = maps.clone().with("limit", "2").list().await?.done()?;
    let late = json!({"metadata": {"name": "cc", "labels": {"of": "us"}}});
    maps.create(late).await?.done()?;
    maps.delete("d").await?.done()?;
    let rest = next(&maps, &first, "9").await?;
    same("names", &names(&rest), &vec!["c", "d", "e"])?;
    same("revision", &revision(&rest), &revision(&first))
}

async fn how_many_follow_is_told_without_a_selector(test: Test) -> Outcome {
    five(&test).await?;
    // A real cluster puts a ConfigMap of its own into each namespace, sooner or later.
    let list = test
        .on(&CONFIG_MAPS)
        .with("limit", "2")
        .list()
        .await?
        .done()?;
    let remaining = list["metadata"]["remainingItemCount"].as_u64();
    let is_so = remaining.is_some_and(|n| n == 3 || n == 4);
    holds(
        "remainingItemCount",
        is_so,
        "3, or 4 in a real cluster",
        &list["metadata"],
    )
}

async fn how_many_follow_is_not_told_with_a_selector(test: Test) -> Outcome {
    let list = five(&test).await?.with("limit", "2").list().await?.done()?;
    holds(
        "the token",
        !token(&list).is_empty(),
        "a token",
        &list["metadata"],
    )?;
    same(
        "the count",
        &list["metadata"].get("remainingItemCount"),
        &None,
    )
}

async fn the_page_size_may_change_on_the_way(test: Test) -> Outcome {
    let maps = five(&test).await?;
    let first = maps.clone().with("limit", "1").list().await?.done()?;
    let second = next(&maps, &first, "3").await?;
    same("names", &names(&second), &vec!["b", "c", "d"])
}

async fn a_broken_token_is_refused(test: Test) -> Outcome {
    let maps = five(&test).await?.with("limit", "2");
    maps.with("continue", "x")
        .list()
        .await?
        .refused(400, "BadRequest")?;
    Ok(())
}

async fn a_token_with_a_revision_is_refused(test: Test) -> Outcome {
    let maps = five(&test).await?;
    let first = maps.clone().with("limit", "2").list().await?.done()?;
    let both = maps
        .with("continue", token(&first))
        .with("resourceVersion", revision(&first));
    both.list().await?.refused(400, "BadRequest")?;
    Ok(())
}
