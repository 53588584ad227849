//! Leases, for leader election.

use serde_json::{Value, json};

use crate::answer::revision;
use crate::collection::Collection;
use crate::failure::{Failure, same};
use crate::kind::LEASES;
use crate::{Outcome, Test};

group!(
    "lease",
    (times_have_six_digits, "leader election: MicroTime"),
    (
        of_two_that_take_it_one_wins,
        "leader election: replace with the revision that was read"
    ),
    (
        of_two_that_make_it_one_wins,
        "leader election: the first one"
    ),
    (a_duration_is_positive, "leader election"),
    (transitions_are_not_negative, "leader election"),
    (
        a_replace_needs_a_revision,
        "leader election: nothing wins unseen"
    ),
    (
        a_renewal_is_told_to_watchers,
        "leader election: others see it"
    ),
);

fn lease(holder: &str) -> Value {
    json!({
        "metadata": {"name": "a"},
        "spec": {
            "holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 0,
            "acquireTime": "2026-01-02T03:04:05.000006Z", "renewTime": "2026-01-02T03:04:05.123456Z",
        },
    })
}

async fn taken(test: &Test) -> Result<(Collection, Value), Failure> {
    let leases = test.on(&LEASES);
    let made = leases.create(lease("me")).await?.done()?;
    Ok((leases, made))
}

async fn times_have_six_digits(test: Test) -> Outcome {
    let (leases, _) = taken(&test).await?;
    let stored = leases.get("a").await?.done()?;
    same(
        "renewTime",
        &stored["spec"]["renewTime"],
        &json!("2026-01-02T03:04:05.123456Z"),
    )?;
    same(
        "acquireTime",
        &stored["spec"]["acquireTime"],
        &json!("2026-01-02T03:04:05.000006Z"),
    )
}

async fn of_two_that_take_it_one_wins(test: Test) -> Outcome {
    let (leases, made) = taken(&test).await?;
    let mut mine = made.clone();
    mine["spec"]["holderIdentity"] = json!("first");
    let mut yours = made;
    yours["spec"]["holderIdentity"] = json!("second");
    leases.replace(mine).await?.done()?;
    leases.replace(yours).await?.refused(409, "Conflict")?;
    let stored = leases.get("a").await?.done()?;
    same(
        "the holder",
        &stored["spec"]["holderIdentity"],
        &json!("first"),
    )
}

async fn of_two_that_make_it_one_wins(test: Test) -> Outcome {
    let (leases, _) = taken(&test).await?;
    leases
        .create(lease("you"))
        .await?
        .refused(409, "AlreadyExists")?;
    Ok(())
}

async fn a_duration_is_positive(test: Test) -> Outcome {
    let mut body = lease("me");
    body["spec"]["leaseDurationSeconds"] = json!(0);
    let answer = test.on(&LEASES).create(body).await?;
    answer.invalid("spec.leaseDurationSeconds", "FieldValueInvalid")?;
    Ok(())
}

async fn transitions_are_not_negative(test: Test) -> Outcome {
    let mut body = lease("me");
    body["spec"]["leaseTransitions"] = json!(-1);
    let answer = test.on(&LEASES).create(body).await?;
    answer.invalid("spec.leaseTransitions", "FieldValueInvalid")?;
    Ok(())
}

async fn a_replace_needs_a_revision(test: Test) -> Outcome {
    let (leases, _) = taken(&test).await?;
    let answer = leases.replace(lease("you")).await?;
    answer.invalid("metadata.resourceVersion", "FieldValueInvalid")?;
    Ok(())
}

async fn a_renewal_is_told_to_watchers(test: Test) -> Outcome {
    let (leases, made) = taken(&test).await?;
    let mut watch = leases.watch_from(&made).await?;
    let renewed = json!({"metadata": {"resourceVersion": revision(&made)}, "spec": {"renewTime": "2026-01-02T03:04:15.000000Z"}});
    leases.merge("a", renewed).await?.done()?;
    let told = watch.expect("MODIFIED", "a").await?;
    same(
        "renewTime",
        &told["spec"]["renewTime"],
        &json!("2026-01-02T03:04:15.000000Z"),
    )
}
