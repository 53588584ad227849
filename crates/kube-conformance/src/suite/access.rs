//! Who may do what: tokens and RBAC.

use serde_json::{Value, json};

use crate::answer::{says, text};
use crate::failure::{Failure, holds, same};
use crate::kind::{
    CLUSTER_ROLES, CONFIG_MAPS, Kind, NODES, ROLE_BINDINGS, ROLES, SERVICE_ACCOUNTS, SERVICES,
};
use crate::test::{Call, Credentials};
use crate::{Outcome, Test};

group!(
    "access",
    (
        an_unknown_token_is_unauthorized,
        "ecm-reconciler: 401 after a token ran out"
    ),
    (
        a_service_account_gets_a_token,
        "deploy/install.yaml: ServiceAccount"
    ),
    (
        without_rights_everything_is_forbidden,
        "deploy/install.yaml: every right is listed"
    ),
    (
        a_refusal_says_who_and_what,
        "docs/troubleshooting.md: missing rights"
    ),
    (
        a_refusal_outside_namespaces_says_so,
        "docs/troubleshooting.md: missing rights"
    ),
    (a_role_grants_its_verbs, "deploy/install.yaml"),
    (a_role_grants_no_other_verbs, "deploy/install.yaml"),
    (
        a_put_that_makes_takes_the_right_to_create,
        "kubernetes: withAuthorization in endpoints/handlers/create.go"
    ),
    (
        a_role_is_for_its_namespace,
        "deploy/install.yaml: Role for Leases"
    ),
    (
        a_cluster_role_can_be_bound_in_a_namespace,
        "deploy/install.yaml"
    ),
    (
        a_status_is_a_right_of_its_own,
        "deploy/install.yaml: poolservices/status"
    ),
    (
        a_right_can_be_limited_to_names,
        "deploy/install.yaml: the cluster profile"
    ),
    (a_watch_is_a_right_of_its_own, "deploy/install.yaml"),
    (the_server_says_who_one_is, "kubectl auth whoami"),
    (rights_can_be_asked_for, "kubectl auth can-i"),
);

/// This assertion, asked by a ServiceAccount `robot` that has no rights yet.
async fn robot(test: &Test) -> Result<Test, Failure> {
    let accounts = test.on(&SERVICE_ACCOUNTS);
    accounts.create_named("robot").await?;
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}});
    let answer = accounts
        .subresource("token")
        .post_to("robot", body)
        .await?
        .done_with(201)?;
    let token = text(&answer, "/status/token");
    holds("the token", !token.is_empty(), "a token", &answer["status"])?;
    test.with(&Credentials::Token(token.to_owned()))
}

fn user(test: &Test) -> String {
    format!("system:serviceaccount:{}:robot", test.namespace())
}

/// Grants `robot` a rule by a Role of this namespace.
async fn grant(test: &Test, rule: Value) -> Outcome {
    let role = json!({"metadata": {"name": "part"}, "rules": [rule]});
    test.on(&ROLES).create(role).await?.done()?;
    bind(test, "Role", "part").await
}

async fn bind(test: &Test, kind: &str, name: &str) -> Outcome {
    let binding = json!({
        "metadata": {"name": "robot"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": test.namespace()}],
    });
    test.on(&ROLE_BINDINGS).create(binding).await?.done()?;
    Ok(())
}

fn rule(resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": [""], "resources": resources, "verbs": verbs})
}

/// Waits until the robot may list ConfigMaps: rights take effect a moment later.
async fn until_granted(robot: &Test) -> Outcome {
    let call = Call::get(CONFIG_MAPS.path(Some(robot.namespace())));
    robot
        .until("the right", &call, |answer| answer.code == 200)
        .await?;
    Ok(())
}

async fn forbidden(robot: &Test, kind: &Kind) -> Result<Value, Failure> {
    robot.on(kind).list().await?.refused(403, "Forbidden")
}

async fn an_unknown_token_is_unauthorized(test: Test) -> Outcome {
    let stranger = test.with(&Credentials::Token("no-such-token".to_owned()))?;
    let status = stranger
        .on(&CONFIG_MAPS)
        .list()
        .await?
        .refused(401, "Unauthorized")?;
    says(&status, "Unauthorized")
}

async fn a_service_account_gets_a_token(test: Test) -> Outcome {
    let robot = robot(&test).await?;
    let answer = robot.get("/version").await?;
    same("code", &answer.code, &200)
}

async fn without_rights_everything_is_forbidden(test: Test) -> Outcome {
    let robot = robot(&test).await?;
    forbidden(&robot, &CONFIG_MAPS).await?;
    let answer = robot
        .on(&CONFIG_MAPS)
        .create(json!({"metadata": {"name": "a"}}))
        .await?;
    answer.refused(403, "Forbidden")?;
    robot
        .on(&CONFIG_MAPS)
        .delete("a")
        .await?
        .refused(403, "Forbidden")?;
    Ok(())
}

async fn a_refusal_says_who_and_what(test: Test) -> Outcome {
    let status = forbidden(&robot(&test).await?, &CONFIG_MAPS).await?;
    let expected = format!(
        "configmaps is forbidden: User \"{}\" cannot list resource \"configmaps\" in API group \"\" in the namespace \"{}\"",
        user(&test),
        test.namespace()
    );
    same("message", &text(&status, "/message"), &expected.as_str())?;
    same(
        "details",
        &status["details"],
        &json!({"kind": "configmaps"}),
    )
}

async fn a_refusal_outside_namespaces_says_so(test: Test) -> Outcome {
    let status = robot(&test)
        .await?
        .on(&NODES)
        .get("n")
        .await?
        .refused(403, "Forbidden")?;
    let expected = format!(
        "nodes \"n\" is forbidden: User \"{}\" cannot get resource \"nodes\" in API group \"\" at the cluster scope",
        user(&test)
    );
    same("message", &text(&status, "/message"), &expected.as_str())
}

async fn a_role_grants_its_verbs(test: Test) -> Outcome {
    let robot = robot(&test).await?;
    grant(&test, rule(&["configmaps"], &["list", "create", "get"])).await?;
    until_granted(&robot).await?;
    robot.on(&CONFIG_MAPS).create_named("a").await?;
    robot.on(&CONFIG_MAPS).get("a").await?.done()?;
    Ok(())
}

async fn a_role_grants_no_other_verbs(test: Test) -> Outcome {
    let robot = robot(&test).await?;
    grant(&test, rule(&["configmaps"], &["list"])).await?;
    until_granted(&robot).await?;
    test.on(&CONFIG_MAPS).create_named("a").await?;
    robot
        .on(&CONFIG_MAPS)
        .delete("a")
        .await?
        .refused(403, "Forbidden")?;
    forbidden(&robot, &SERVICES).await?;
    Ok(())
}

async fn a_put_that_makes_takes_the_right_to_create(test: Test) -> Outcome {
    let robot = robot(&test).await?;
    grant(
        &test,
        rule(&["configmaps", "services"], &["list", "update"]),
    )
    .await?;
    until_granted(&robot).await?;
    let made = json!({"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}});
    let status = robot
        .on(&SERVICES)
        .replace(made)
        .await?
        .refused(403, "Forbidden")?;
    says(&status, "cannot create resource")?;
    Ok(())
}

async fn a_role_is_for_its_namespace(test: Test) -> Outcome {
    let robot = robot(&test).await?;
    grant(&test, rule(&["configmaps"], &["list"])).await?;
    until_granted(&robot).await?;
    let status = robot
        .everywhere(&CONFIG_MAPS)
        .list()
        .await?
        .refused(403, "Forbidden")?;
    says(&status, "at the cluster scope")?;
    let elsewhere = CONFIG_MAPS.path(Some("default"));
    robot.get(&elsewhere).await?.refused(403, "Forbidden")?;
    Ok(())
}

async fn a_cluster_role_can_be_bound_in_a_namespace(test: Test) -> Outcome {
    let robot = robot(&test).await?;
    let name = test.unique("reader");
    let role = json!({"metadata": {"name": name}, "rules": [rule(&["configmaps"], &["list"])]});
    test.on(&CLUSTER_ROLES).create(role).await?.done()?;
    bind(&test, "ClusterRole", &name).await?;
    until_granted(&robot).await?;
    robot
        .everywhere(&CONFIG_MAPS)
        .list()
        .await?
        .refused(403, "Forbidden")?;
    Ok(())
}

async fn a_status_is_a_right_of_its_own(test: Test) -> Outcome {
    let robot = robot(&test).await?;
    grant(
        &test,
        rule(&["configmaps", "services"], &["list", "get", "patch"]),
    )
    .await?;
    until_granted(&robot).await?;
    let spec = json!({"type": "LoadBalancer", "ports": [{"port": 80}]});
    test.on(&SERVICES)
        .create(json!({"metadata": {"name": "a"}, "spec": spec}))
        .await?
        .done()?;
    let label = json!({"metadata": {"labels": {"k": "v"}}});
    robot.on(&SERVICES).merge("a", label).await?.done()?;
    let status = json!({"status": {"loadBalancer": {}}});
    let refusal = robot.on(&SERVICES).status().merge("a", status).await?;
    let refusal = refusal.refused(403, "Forbidden")?;
    says(
        &refusal,
        "cannot patch resource \"services/status\" in API group \"\"",
    )
}

async fn a_right_can_be_limited_to_names(test: Test) -> Outcome {
    let robot = robot(&test).await?;
    let mut one = rule(&["configmaps"], &["get"]);
    one["resourceNames"] = json!(["mine"]);
    let role =
        json!({"metadata": {"name": "part"}, "rules": [rule(&["configmaps"], &["list"]), one]});
    test.on(&ROLES).create(role).await?.done()?;
    bind(&test, "Role", "part").await?;
    until_granted(&robot).await?;
    test.on(&CONFIG_MAPS).create_named("mine").await?;
    robot.on(&CONFIG_MAPS).get("mine").await?.done()?;
    robot
        .on(&CONFIG_MAPS)
        .get("other")
        .await?
        .refused(403, "Forbidden")?;
    Ok(())
}

async fn a_watch_is_a_right_of_its_own(test: Test) -> Outcome {
    let robot = robot(&test).await?;
    grant(&test, rule(&["configmaps"], &["list", "get"])).await?;
    until_granted(&robot).await?;
    let path = format!("{}?watch=true", CONFIG_MAPS.path(Some(test.namespace())));
    let status = robot.get(&path).await?.refused(403, "Forbidden")?;
    says(&status, "cannot watch resource \"configmaps\"")
}

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const WHO_AM_I: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

async fn the_server_says_who_one_is(test: Test) -> Outcome {
    let robot = robot(&test).await?;
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let call = Call::with_body(http::Method::POST, WHO_AM_I, &body);
    let answer = robot.send(&call).await?.done_with(201)?;
    let info = &answer["status"]["userInfo"];
    same("username", &info["username"], &json!(user(&test)))?;
    let groups = json!([
        "system:serviceaccounts",
        format!("system:serviceaccounts:{}", test.namespace()),
        "system:authenticated",
    ]);
    same("groups", &info["groups"], &groups)
}

async fn rights_can_be_asked_for(test: Test) -> Outcome {
    let robot = robot(&test).await?;
    grant(&test, rule(&["configmaps"], &["list"])).await?;
    until_granted(&robot).await?;
    for (verb, allowed) in [("list", true), ("delete", false)] {
        let attributes =
            json!({"namespace": test.namespace(), "verb": verb, "resource": "configmaps"});
        let body = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        });
        let call = Call::with_body(http::Method::POST, REVIEWS, &body);
        let answer = robot.send(&call).await?.done_with(201)?;
        same(verb, &answer["status"]["allowed"], &json!(allowed))?;
    }
    Ok(())
}
