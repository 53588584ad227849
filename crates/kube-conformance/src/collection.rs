//! The objects of one kind, in one namespace or in all.

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::answer::{Answer, name};
use crate::failure::Failure;
use crate::kind::Kind;
use crate::test::{Call, JSON, Test};
use crate::watch::Watch;

/// Where requests about one kind go.
#[derive(Debug, Clone)]
pub(crate) struct Collection {
    test: Test,
    kind: Kind,
    namespace: Option<String>,
    query: String,
    accept: &'static str,
    subresource: &'static str,
}

/// How a patch is to be understood.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PatchKind {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl PatchKind {
    fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json-patch+json",
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
            Self::Apply => "application/apply-patch+yaml",
        }
    }
}

impl Collection {
    pub(crate) fn new(test: Test, kind: &Kind, namespace: Option<&str>) -> Self {
        Self {
            test,
            kind: kind.clone(),
            namespace: namespace.map(str::to_owned),
            query: String::new(),
            accept: JSON,
            subresource: "",
        }
    }

    /// The same with a query parameter more.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        let separator = if self.query.is_empty() { "" } else { "&" };
        let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
        self.query = format!("{}{separator}{key}={value}", self.query);
        self
    }

    /// The same in another shape.
    pub(crate) fn accepting(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
    }

    /// A subresource of each object.
    pub(crate) fn subresource(mut self, name: &'static str) -> Self {
        self.subresource = name;
        self
    }

    pub(crate) fn status(self) -> Self {
        self.subresource("status")
    }

    fn path(&self, name: Option<&str>) -> String {
        let mut path = self.kind.path(self.namespace.as_deref());
        if let Some(name) = name {
            path = format!("{path}/{name}");
            if !self.subresource.is_empty() {
                path = format!("{path}/{}", self.subresource);
            }
        }
        path
    }

    pub(crate) fn call(
        &self,
        method: Method,
        name: Option<&str>,
        body: Option<&Value>,
    ) -> Call<'_> {
        let mut path = self.path(name);
        if !self.query.is_empty() {
            path = format!("{path}?{}", self.query);
        }
        Call {
            method,
            path,
            accept: self.accept,
            content_type: JSON,
            body: body
                .map(|body| body.to_string().into_bytes())
                .unwrap_or_default(),
        }
    }

    /// `apiVersion` and `kind` are filled in.
    pub(crate) fn full(&self, mut object: Value) -> Value {
        for (key, value) in [
            ("apiVersion", self.kind.api_version()),
            ("kind", self.kind.name.to_owned()),
        ] {
            if object[key].is_null() {
                object[key] = json!(value);
            }
        }
        object
    }

    pub(crate) async fn create(&self, object: Value) -> Result<Answer, Failure> {
        let object = self.full(object);
        let answer = self
            .test
            .send(&self.call(Method::POST, None, Some(&object)))
            .await?;
        let made = name(&answer.body);
        if !self.kind.namespaced && answer.code == 201 && !made.is_empty() {
            self.test.made_outside(self.path(Some(made)));
        }
        Ok(answer)
    }

    /// Creates an object that only has a name.
    pub(crate) async fn create_named(&self, name: &str) -> Result<Value, Failure> {
        self.create(json!({"metadata": {"name": name}}))
            .await?
            .done()
    }

    /// Posts to a subresource.
    pub(crate) async fn post_to(&self, name: &str, object: Value) -> Result<Answer, Failure> {
        self.test
            .send(&self.call(Method::POST, Some(name), Some(&object)))
            .await
    }

    pub(crate) async fn get(&self, name: &str) -> Result<Answer, Failure> {
        self.test
            .send(&self.call(Method::GET, Some(name), None))
            .await
    }

    pub(crate) async fn list(&self) -> Result<Answer, Failure> {
        self.test.send(&self.call(Method::GET, None, None)).await
    }

    pub(crate) async fn replace(&self, object: Value) -> Result<Answer, Failure> {
        let object = self.full(object);
        let place = name(&object).to_owned();
        self.test
            .send(&self.call(Method::PUT, Some(&place), Some(&object)))
            .await
    }

    pub(crate) async fn patch(
        &self,
        name: &str,
        kind: PatchKind,
        patch: Value,
    ) -> Result<Answer, Failure> {
        let call = Call {
            content_type: kind.content_type(),
            ..self.call(Method::PATCH, Some(name), Some(&patch))
        };
        self.test.send(&call).await
    }

    pub(crate) async fn merge(&self, name: &str, patch: Value) -> Result<Answer, Failure> {
        self.patch(name, PatchKind::Merge, patch).await
    }

    /// Server-side apply under the name of `manager`.
    pub(crate) async fn apply(&self, manager: &str, object: Value) -> Result<Answer, Failure> {
        let object = self.full(object);
        let place = name(&object).to_owned();
        let named = self.clone().with("fieldManager", manager);
        named.patch(&place, PatchKind::Apply, object).await
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<Answer, Failure> {
        self.test
            .send(&self.call(Method::DELETE, Some(name), None))
            .await
    }

    /// Deletes with these DeleteOptions.
    pub(crate) async fn delete_with(&self, name: &str, options: Value) -> Result<Answer, Failure> {
        self.test
            .send(&self.call(Method::DELETE, Some(name), Some(&options)))
            .await
    }

    pub(crate) async fn delete_all(&self) -> Result<Answer, Failure> {
        self.test.send(&self.call(Method::DELETE, None, None)).await
    }

    /// A watch of the collection. `resourceVersion` and the rest come from [`Collection::with`].
    pub(crate) async fn watch(&self) -> Result<Watch, Failure> {
        let watching = self.clone().with("watch", "true");
        Watch::start(&self.test, &watching.call(Method::GET, None, None)).await
    }

    /// A watch of one object from its revision on.
    pub(crate) async fn watch_from(&self, object: &Value) -> Result<Watch, Failure> {
        self.clone()
            .with("fieldSelector", &format!("metadata.name={}", name(object)))
            .with("resourceVersion", crate::answer::revision(object))
            .watch()
            .await
    }

    /// Waits until the object, known as it was, is gone.
    pub(crate) async fn until_gone(&self, object: &Value) -> Result<Value, Failure> {
        let mut watch = self.watch_from(object).await?;
        watch
            .until("the end of the object", |event| event.is("DELETED"))
            .await
    }
}
