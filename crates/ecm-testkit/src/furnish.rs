//! What stands in a cluster before a user comes: CRDs, node pools, nodes, the rights of the controllers.

use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionSpec,
};
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::config::{AuthInfo, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind, TypeMeta};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::time::{sleep, timeout};

use crate::node::node;
use crate::sandbox::{POOLS, Pool};

/// All that the controllers need in a cluster, as it is installed.
const INSTALL: &str = include_str!("../../../deploy/install.yaml");

/// Its account.
const ACCOUNT: (&str, &str) = ("kube-system", "edge-controller-manager");

/// How long a CRD may take to be served, and how often that is looked at.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);

/// How long its token is good: 30 days, longer than any sandbox stays up.
const TOKEN_SECONDS: i64 = 30 * 24 * 60 * 60;

/// The kinds of it that a cluster without images can use, and their plurals.
const RIGHTS: [(&str, &str); 5] = [
    ("ServiceAccount", "serviceaccounts"),
    ("ClusterRole", "clusterroles"),
    ("ClusterRoleBinding", "clusterrolebindings"),
    ("Role", "roles"),
    ("RoleBinding", "rolebindings"),
];

/// Why a cluster was not furnished.
#[derive(Debug, Error)]
pub enum FurnishError {
    /// The API server refused an object.
    #[error("making {what}")]
    Refused {
        /// Which.
        what: String,
        /// What the API server said.
        #[source]
        source: kube::Error,
    },
    /// The API server does not list the objects of a CRD.
    #[error("{what} is not served after {} s", PATIENCE.as_secs())]
    NotServed {
        /// Which.
        what: String,
    },
    /// A manifest of this repository cannot be read.
    #[error("reading deploy/install.yaml")]
    Manifest(#[from] serde_saphyr::Error),
    /// An object of this file is not one of Kubernetes.
    #[error("encoding an object")]
    Encode(#[from] serde_json::Error),
}

/// CRDs, pools and nodes.
pub(crate) async fn furnish(client: &Client) -> Result<(), FurnishError> {
    let definitions = [
        poolservice_api::pool_service_crd(),
        poolservice_api::node_pool_crd(),
    ];
    for definition in definitions {
        define(client, definition).await?;
    }
    for pool in POOLS {
        create(client, node_pool(&pool), "nodepools").await?;
        for name in pool.nodes {
            create(client, node(name, pool.name), "nodes").await?;
        }
    }
    Ok(())
}

/// Creates a CRD and waits until its objects can be listed, which is a moment after it is Established.
async fn define(client: &Client, definition: CustomResourceDefinition) -> Result<(), FurnishError> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let what = format!("CRD {}", definition.name_any());
    let created = api.create(&PostParams::default(), &definition).await;
    if let Err(source) = created {
        return Err(FurnishError::Refused { what, source });
    }
    let CustomResourceDefinitionSpec {
        group,
        names,
        versions,
        ..
    } = &definition.spec;
    let listed = async {
        for version in versions {
            let gvk = GroupVersionKind::gvk(group, &version.name, &names.kind);
            let resource = ApiResource::from_gvk_with_plural(&gvk, &names.plural);
            let objects: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
            while objects.list(&ListParams::default()).await.is_err() {
                sleep(LOOK).await;
            }
        }
    };
    timeout(PATIENCE, listed)
        .await
        .map_err(|_| FurnishError::NotServed { what })
}

/// Installs the rights of the controllers, and gives a kubeconfig with a token of their account.
pub(crate) async fn service_account(
    client: &Client,
    mut kubeconfig: Kubeconfig,
) -> Result<Kubeconfig, FurnishError> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(INSTALL)?;
    for document in documents {
        let plural = RIGHTS.iter().find(|(kind, _)| document["kind"] == **kind);
        if let Some((_, plural)) = plural {
            create(client, document, plural).await?;
        }
    }
    let (namespace, name) = ACCOUNT;
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let request = TokenRequest {
        spec: Some(TokenRequestSpec {
            expiration_seconds: Some(TOKEN_SECONDS),
            ..TokenRequestSpec::default()
        }),
        ..TokenRequest::default()
    };
    let granted = api
        .create_token_request(name, &PostParams::default(), &request)
        .await
        .map_err(|source| FurnishError::Refused {
            what: format!("a token of {namespace}/{name}"),
            source,
        })?;
    let token = granted
        .status
        .and_then(|status| status.token)
        .unwrap_or_default();
    for user in &mut kubeconfig.auth_infos {
        user.auth_info = Some(AuthInfo {
            token: Some(token.clone().into()),
            ..AuthInfo::default()
        });
    }
    Ok(kubeconfig)
}

/// Creates an object, and then its status, which a create does not take.
async fn create(client: &Client, object: Value, plural: &str) -> Result<(), FurnishError> {
    let status = object.get("status").cloned();
    let object: DynamicObject = serde_json::from_value(object)?;
    let name = object.name_any();
    let types = object.types.clone().unwrap_or_default();
    let resource = resource(&types, plural);
    let api: Api<DynamicObject> = match object.namespace() {
        Some(namespace) => Api::namespaced_with(client.clone(), &namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let refused = |source| FurnishError::Refused {
        what: format!("{} {name}", types.kind),
        source,
    };
    api.create(&PostParams::default(), &object)
        .await
        .map_err(refused)?;
    if let Some(status) = status {
        let patch = Patch::Merge(json!({ "status": status }));
        api.patch_status(&name, &PatchParams::default(), &patch)
            .await
            .map_err(refused)?;
    }
    Ok(())
}

fn resource(types: &TypeMeta, plural: &str) -> ApiResource {
    let (group, version) = types
        .api_version
        .split_once('/')
        .unwrap_or(("", &types.api_version));
    let gvk = GroupVersionKind::gvk(group, version, &types.kind);
    ApiResource::from_gvk_with_plural(&gvk, plural)
}

fn node_pool(pool: &Pool) -> Value {
    json!({
        "apiVersion": "apps.openyurt.io/v1beta2",
        "kind": "NodePool",
        "metadata": {
            "name": pool.name,
            // OpenYurt's defaulting webhook sets it.
            "labels": { "nodepool.openyurt.io/type": "edge" },
        },
        "spec": { "type": "Edge" },
    })
}
