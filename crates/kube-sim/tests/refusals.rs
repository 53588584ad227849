//! What a real API server does and this one does not is refused by name.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use kube_sim::Cluster;
use tower::ServiceExt as _;

/// Sends a request; returns the code and the message of the Status.
async fn refused(
    method: &str,
    path: &str,
    headers: [(header::HeaderName, &str); 2],
    body: &str,
) -> (u16, String) {
    let cluster = Cluster::builder().start();
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap();
    let response = cluster.service().oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let status: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    (
        code,
        status["message"].as_str().unwrap_or_default().to_owned(),
    )
}

async fn get(path: &str, accept: &str) -> (u16, String) {
    let headers = [
        (header::ACCEPT, accept),
        (header::CONTENT_TYPE, "application/json"),
    ];
    refused("GET", path, headers, "").await
}

async fn post(path: &str, content_type: &str, body: &str) -> (u16, String) {
    let headers = [
        (header::ACCEPT, "application/json"),
        (header::CONTENT_TYPE, content_type),
    ];
    refused("POST", path, headers, body).await
}

#[tokio::test]
async fn groups_resources_and_paths_of_a_real_server_are_named() {
    for (path, feature) in [
        ("/apis/batch/v1/jobs", "the API group batch"),
        (
            "/apis/apps/v1/statefulsets",
            "the resource statefulsets.apps",
        ),
        ("/api/v1/endpoints", "the resource endpoints"),
        (
            "/api/v1/namespaces/default/services/kubernetes/proxy",
            "the subresource services/proxy",
        ),
        ("/openapi/v2", "the path /openapi/v2"),
        ("/", "the list of its paths"),
        ("/readyz?verbose", "the single checks of its health"),
    ] {
        let (code, message) = get(path, "application/json").await;
        assert_eq!(
            (code, message),
            (501, format!("kube-sim does not implement {feature}"))
        );
    }
}

#[tokio::test]
async fn what_it_does_not_write_is_not_acceptable() {
    for accept in [
        "application/yaml",
        "application/vnd.kubernetes.protobuf",
        "application/json;as=Table;v=v1beta1;g=meta.k8s.io",
    ] {
        let (code, message) = get("/api/v1/namespaces/default", accept).await;
        assert_eq!(code, 406);
        assert!(
            message.contains("kube-sim answers with application/json only"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn protobuf_is_named() {
    let (code, message) = post(
        "/api/v1/namespaces",
        "application/vnd.kubernetes.protobuf",
        "k8s",
    )
    .await;
    assert_eq!(code, 415);
    assert!(
        message.contains("kube-sim does not read protobuf"),
        "{message}"
    );
}

#[tokio::test]
async fn null_inside_of_a_map_is_named() {
    let body = r#"{"metadata": {"name": "a"}, "data": {"k": null}}"#;
    let (code, message) = post(
        "/api/v1/namespaces/default/configmaps",
        "application/json",
        body,
    )
    .await;
    assert_eq!(code, 501);
    assert!(
        message.contains("null inside of a map or a list"),
        "{message}"
    );
}

#[tokio::test]
async fn a_deletion_of_a_page_is_named() {
    let headers = [
        (header::ACCEPT, "application/json"),
        (header::CONTENT_TYPE, "application/json"),
    ];
    let path = "/api/v1/namespaces/default/configmaps?limit=1";
    let (code, message) = refused("DELETE", path, headers, "").await;
    assert_eq!(code, 501);
    assert!(message.contains("deletions of a page"), "{message}");
}

#[tokio::test]
async fn rights_to_paths_are_named() {
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let body = r#"{"spec": {"nonResourceAttributes": {"path": "/version", "verb": "get"}}}"#;
    let (code, message) = post(path, "application/json", body).await;
    assert_eq!(code, 501);
    assert!(message.contains("nonResourceAttributes"), "{message}");
}

#[tokio::test]
async fn what_is_not_known_of_definitions_is_named() {
    let definition = |version: serde_json::Value| {
        let mut version = version;
        version["name"] = "v1".into();
        version["served"] = true.into();
        version["storage"] = true.into();
        if version["schema"].is_null() {
            version["schema"] = serde_json::json!({"openAPIV3Schema": {"type": "object"}});
        }
        serde_json::json!({
            "metadata": {"name": "things.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced",
                "names": {"plural": "things", "kind": "Thing"}, "versions": [version],
            },
        })
    };
    let scale =
        serde_json::json!({"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n"});
    let format = serde_json::json!({"type": "string", "format": "ipv4"});
    let multiple = serde_json::json!({"type": "integer", "multipleOf": 2});
    let schema = |field| {
        let properties = serde_json::json!({"type": "object", "properties": {"field": field}});
        serde_json::json!({"schema": {"openAPIV3Schema": properties}})
    };
    for (version, feature) in [
        (
            serde_json::json!({"subresources": {"scale": scale}}),
            "kube-sim does not implement the subresource scale",
        ),
        (
            serde_json::json!({"selectableFields": [{"jsonPath": ".spec.n"}]}),
            "kube-sim does not implement selectableFields",
        ),
        (schema(format), "is not implemented by kube-sim"),
        (
            schema(multiple),
            "multipleOf is not implemented by kube-sim",
        ),
    ] {
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let body = definition(version).to_string();
        let (code, message) = post(path, "application/json", &body).await;
        assert_eq!(code, 422, "{message}");
        assert!(message.contains(feature), "{message}");
    }
}
