//! The REST API: from an HTTP request to the core and back.

mod accept;
mod body;
mod discovery;
mod json;
mod openapi;
mod options;
mod route;
mod unserved;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, WARNING};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};

use crate::access::{Access, Attributes, User};
use crate::counter::Changes;
use crate::faults::{ConnectionReset, Fault, Faults};
use crate::resource::Registry;
use crate::server::{
    ApiServer, Deleted, FieldValidation, List, Patch, Target, WatchOptions, WriteOptions, Written,
};
use crate::status::Status;
use crate::table;

pub use body::ResponseBody;
pub(crate) use discovery::partial;

use accept::{Accept, Shape};
use route::{Query, ResourceRequest, Route, Subresource};

/// Larger bodies are refused, as by the real server.
const MAX_BODY_BYTES: usize = 3 * 1024 * 1024;

/// A `tower` service over an [`ApiServer`]: give it to `kube::Client::new`, or serve it over HTTP.
///
/// It takes any request body. Watches answer with a body that goes on until the watch ends.
#[derive(Clone)]
pub struct ApiService {
    server: ApiServer,
    access: Access,
    faults: Faults,
}

impl ApiService {
    /// A service over `server` with these faults.
    pub(crate) fn new(server: ApiServer, access: Access, faults: Faults) -> Self {
        Self {
            server,
            access,
            faults,
        }
    }

    /// How [`Faults`] name a request of this method and path that is no watch: verb and resource.
    /// `None` for one that is about no resource.
    pub fn named(&self, method: &Method, path: &str) -> Option<(&'static str, String)> {
        match route::parse(path, &self.server.registry()) {
            Ok(Route::Resource(request)) => {
                Some((verb(method, &request, false), request.described()))
            }
            _ => None,
        }
    }

    async fn answer<B>(self, request: Request<B>) -> Result<Response<ResponseBody>, ConnectionReset>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let body = match Limited::new(body, MAX_BODY_BYTES).collect().await {
            Ok(collected) => collected.to_bytes(),
            Err(error) => {
                let status =
                    Status::bad_request(format!("the request body cannot be read: {error}"));
                return Ok(failure(&status));
            }
        };
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let user = match self.access.authenticate(&parts.headers, &self.server) {
            Ok(user) => user,
            Err(status) => return Ok(failure(&status)),
        };
        let mut call = Call {
            server: &self.server,
            access: &self.access,
            user: &user,
            path: parts.uri.path(),
            method: &parts.method,
            headers: &parts.headers,
            query: &query,
            body,
            cuts: self.faults.cuts(),
            read_at: None,
        };
        let registry = self.server.registry();
        let route = match route::parse(parts.uri.path(), &registry) {
            Ok(route) => route,
            Err(status) => return Ok(failure(&status)),
        };
        if let Err(status) = call.authorize(&route) {
            return Ok(failure(&status));
        }
        let fault = match &route {
            Route::Resource(request) => self.faults.next(call.verb(request), &request.described()),
            _ => None,
        };
        match fault {
            Some(Fault::Refuse(status)) => return Ok(failure(&status)),
            Some(Fault::ResetBefore) => return Err(ConnectionReset),
            Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
            Some(Fault::Stale(back)) => call.read_at = Some(self.server.earlier_revision(back)),
            _ => {}
        }
        let answer = call
            .answer(route, &registry)
            .unwrap_or_else(|status| failure(&status));
        match fault {
            Some(Fault::LoseReply(status)) => Ok(failure(&status)),
            Some(Fault::ResetAfter) => Err(ConnectionReset),
            _ => Ok(answer),
        }
    }
}

impl<B> tower::Service<Request<B>> for ApiService
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<ResponseBody>;
    type Error = ConnectionReset;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectionReset>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectionReset>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(service.answer(request))
    }
}

struct Call<'a> {
    server: &'a ApiServer,
    access: &'a Access,
    user: &'a User,
    path: &'a str,
    method: &'a Method,
    headers: &'a HeaderMap,
    query: &'a Query,
    body: Bytes,
    cuts: Changes,
    /// The revision that reads show, where that is not the newest.
    read_at: Option<u64>,
}

impl Call<'_> {
    fn answer(&self, route: Route, registry: &Registry) -> Result<Response<ResponseBody>, Status> {
        if let Route::Health = route {
            if self.query.has("verbose") || self.query.has("exclude") {
                return Err(Status::not_implemented("the single checks of its health"));
            }
            return Ok(text("ok"));
        }
        let accept = Accept::parse(self.header(ACCEPT.as_str()))?;
        match route {
            Route::Health => Ok(text("ok")),
            Route::Resource(request) => self.resource(&request, &accept),
            Route::Review(review) if *self.method == Method::POST => {
                let answer = review.answer(&self.object()?, self.user, self.access, self.server)?;
                Ok(json_response(StatusCode::CREATED, &answer))
            }
            Route::Review(_) => Err(Status::method_not_allowed()),
            route if *self.method != Method::GET => {
                tracing::debug!(?route, method = %self.method, "method not allowed");
                Err(Status::method_not_allowed())
            }
            Route::Version => Ok(ok(&discovery::version())),
            Route::CoreVersions if accept.aggregated_discovery => {
                Ok(discovery_response(&discovery::aggregated(registry, true)))
            }
            Route::Groups if accept.aggregated_discovery => {
                Ok(discovery_response(&discovery::aggregated(registry, false)))
            }
            Route::CoreVersions => Ok(ok(&discovery::core_versions())),
            Route::Groups => Ok(ok(&discovery::groups(registry))),
            Route::Group(group) => discovery::group(registry, &group).map(|doc| ok(&doc)),
            Route::GroupVersion { group, version } => {
                discovery::resources(registry, &group, &version).map(|doc| ok(&doc))
            }
            Route::OpenApiIndex => Ok(ok(&openapi::index(registry))),
            Route::OpenApi { group, version } => {
                openapi::document(registry, self.server, &group, &version).map(|doc| ok(&doc))
            }
        }
    }

    fn authorize(&self, route: &Route) -> Result<(), Status> {
        let asked = match route {
            Route::Resource(request) => attributes(request, self.verb(request)),
            Route::Review(review) => Attributes {
                verb: "create",
                group: review.group(),
                resource: review.resource(),
                subresource: "",
                namespace: None,
                name: "",
            },
            _ => {
                return self.access.authorize_path(
                    self.user,
                    &self.method.as_str().to_lowercase(),
                    self.path,
                );
            }
        };
        self.access.authorize(self.user, &asked, self.server)
    }

    /// A write that would make the object takes the right to create it as well: `withAuthorization` of kubernetes
    /// `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/create.go`.
    fn authorize_making(&self, request: &ResourceRequest, name: &str) -> Result<(), Status> {
        if request.subresource.is_some() || self.server.get(&request.target, name).is_ok() {
            return Ok(());
        }
        let asked = attributes(request, "create");
        self.access.authorize(self.user, &asked, self.server)
    }

    /// Whether the method, the namespace and the shape that is accepted fit what the path names.
    fn check_shape(
        &self,
        request: &ResourceRequest,
        accept: &Accept,
        watch: bool,
    ) -> Result<(), Status> {
        let target = &request.target;
        if target.resource.namespaced && target.namespace.is_none() && *self.method != Method::GET {
            // A write needs the namespace in its path.
            return Err(match target.resource.custom {
                Some(_) => Status::no_such_path(),
                None => Status::method_not_allowed(),
            });
        }
        let is_list = request.name.is_none() && *self.method != Method::POST && !watch;
        match accept.shape {
            Shape::Partial if is_list => {
                return Err(Status::wrong_shape("PartialObjectMetadata", "a list"));
            }
            Shape::PartialList if !is_list && !watch => {
                return Err(Status::wrong_shape(
                    "PartialObjectMetadataList",
                    "not a list",
                ));
            }
            Shape::Table => drop(self.rows()?),
            _ => {}
        }
        Ok(())
    }

    fn resource(
        &self,
        request: &ResourceRequest,
        accept: &Accept,
    ) -> Result<Response<ResponseBody>, Status> {
        let target = &request.target;
        let watch = self.query.flag("watch") || request.legacy_watch;
        self.check_shape(request, accept, watch)?;
        match (self.method.as_str(), request.name.as_deref()) {
            (method, _)
                if request.subresource == Some(Subresource::Finalize) && method != "PUT" =>
            {
                Err(Status::method_not_allowed())
            }
            ("DELETE", None) if target.resource.is("", "Namespace") => {
                Err(Status::method_not_allowed())
            }
            ("GET", None) if watch => self.watch(target, accept, String::new()),
            // As in the real server, "watch" counts for collections only, and for names below the old "/watch/".
            ("GET", Some(name)) if request.legacy_watch => {
                self.watch(target, accept, format!("metadata.name={name}"))
            }
            ("GET", None) => {
                let mut options = self.list_options()?;
                if let Some(revision) = self.read_at {
                    options.resource_version = revision.to_string();
                    "Exact".clone_into(&mut options.resource_version_match);
                    options.continue_token.clear();
                }
                let list = self.server.list(target, &options)?;
                Ok(ok(&self.show_list(target, &list, accept)))
            }
            ("GET", Some(name)) => {
                self.check_revision()?;
                let object = match self.read_at {
                    Some(revision) => self.server.get_at(target, name, revision)?,
                    None => self.server.get(target, name)?,
                };
                Ok(ok(&self.show(target, object, accept)))
            }
            ("POST", None) => {
                let options = self.write_options()?;
                let (object, warnings) = self.checked_object(target, &options)?;
                let written = self.server.create(target, object, &options)?;
                Ok(self.written(target, written, &warnings, accept))
            }
            ("POST", Some(name)) if request.subresource == Some(Subresource::Token) => {
                let answer = self.server.request_token(target, name, &self.object()?)?;
                Ok(json_response(StatusCode::CREATED, &answer))
            }
            (_, _) if request.subresource == Some(Subresource::Token) => {
                Err(Status::method_not_allowed())
            }
            ("PUT", Some(name)) => {
                let options = self.write_options()?;
                let (object, warnings) = self.checked_object(target, &options)?;
                if crate::admission::is_made_by_a_put(&target.resource) {
                    self.authorize_making(request, name)?;
                }
                let server = self.server;
                let written = match request.subresource {
                    Some(Subresource::Status) => {
                        server.update_status(target, name, object, &options)?
                    }
                    Some(Subresource::Finalize) => {
                        server.finalize_namespace(target, name, &object, &options)?
                    }
                    _ => server.update(target, name, object, &options)?,
                };
                Ok(self.written(target, written, &warnings, accept))
            }
            ("PATCH", Some(name)) => {
                let options = self.write_options()?;
                let (patch, warnings) = self.patch(target, &options)?;
                if matches!(patch, Patch::Apply(_)) {
                    self.authorize_making(request, name)?;
                }
                let written = if request.subresource == Some(Subresource::Status) {
                    self.server.patch_status(target, name, &patch, &options)?
                } else {
                    self.server.patch(target, name, &patch, &options)?
                };
                Ok(self.written(target, written, &warnings, accept))
            }
            ("DELETE", Some(name)) if request.subresource.is_none() => {
                let deleted = self
                    .server
                    .delete_detailed(target, name, &self.delete_options()?)?;
                Ok(match deleted {
                    Deleted::Gone(object) => ok(&discovery::deleted(&target.resource, &object)),
                    Deleted::Terminating(object) => ok(&self.show(target, object, accept)),
                })
            }
            ("DELETE", None) if self.query.has("limit") || self.query.has("continue") => Err(
                Status::not_implemented("deletions of a page (limit and continue)"),
            ),
            ("DELETE", None) => {
                let list = self.server.delete_collection(
                    target,
                    &self.list_options()?,
                    &self.delete_options()?,
                )?;
                Ok(ok(&self.show_list(target, &list, accept)))
            }
            _ => Err(Status::method_not_allowed()),
        }
    }

    /// The verb, as RBAC calls it.
    fn verb(&self, request: &ResourceRequest) -> &'static str {
        let is_watch = self.query.flag("watch") || request.legacy_watch;
        verb(self.method, request, is_watch)
    }

    fn watch(
        &self,
        target: &Target,
        accept: &Accept,
        name: String,
    ) -> Result<Response<ResponseBody>, Status> {
        let mut fields = self.query.text("fieldSelector");
        if !name.is_empty() {
            fields = if fields.is_empty() {
                name
            } else {
                format!("{fields},{name}")
            };
        }
        self.check_watch_options()?;
        let options = WatchOptions {
            label_selector: self.query.text("labelSelector"),
            field_selector: fields,
            resource_version: self.query.text("resourceVersion"),
            resource_version_match: self.query.text("resourceVersionMatch"),
            allow_bookmarks: self.query.flag("allowWatchBookmarks"),
            send_initial_events: self.query.flag("sendInitialEvents"),
            timeout: self
                .query
                .number("timeoutSeconds")?
                .filter(|n| *n > 0)
                .map(Duration::from_secs),
        };
        let watch = self.server.watch(target, &options)?;
        let shaper = Shaper {
            clock: self.server.clock().clone(),
            accept: accept.clone(),
            objects: self.rows()?,
            told_columns: false,
        };
        let body = ResponseBody::watch(watch, shaper, self.cuts.clone());
        Ok(with_type(StatusCode::OK, "application/json", body))
    }

    fn rows(&self) -> Result<table::RowObject, Status> {
        table::RowObject::parse(&self.query.text("includeObject"))
    }

    fn show(&self, target: &Target, object: Value, accept: &Accept) -> Value {
        match accept.shape {
            Shape::Full => object,
            Shape::Partial | Shape::PartialList => discovery::partial(&object),
            Shape::Table => {
                let revision = object["metadata"]["resourceVersion"].clone();
                let rows = std::slice::from_ref(&object);
                table::render(
                    &target.resource,
                    rows,
                    &json!({"resourceVersion": revision}),
                    self.rows().unwrap_or_default(),
                    self.server.clock().now(),
                )
            }
        }
    }

    fn show_list(&self, target: &Target, list: &List, accept: &Accept) -> Value {
        let mut metadata = json!({"resourceVersion": list.revision.to_string()});
        if let Some(token) = &list.continue_token {
            metadata["continue"] = json!(token);
        }
        if let Some(remaining) = list.remaining {
            metadata["remainingItemCount"] = json!(remaining);
        }
        match accept.shape {
            Shape::Full => discovery::list(&target.resource, &list.items, &metadata),
            Shape::Partial | Shape::PartialList => discovery::partial_list(&list.items, &metadata),
            Shape::Table => table::render(
                &target.resource,
                &list.items,
                &metadata,
                self.rows().unwrap_or_default(),
                self.server.clock().now(),
            ),
        }
    }

    fn written(
        &self,
        target: &Target,
        written: Written,
        warnings: &[String],
        accept: &Accept,
    ) -> Response<ResponseBody> {
        let code = if written.created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        let mut response = json_response(code, &self.show(target, written.object, accept));
        for warning in warnings.iter().chain(&written.warnings) {
            let text = format!("299 - {warning:?}");
            if let Ok(value) = text.parse() {
                response.headers_mut().append(WARNING, value);
            }
        }
        response
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    fn media_type(&self) -> &str {
        self.header(CONTENT_TYPE.as_str())
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
    }

    /// The body as an object, JSON or YAML.
    fn object(&self) -> Result<Value, Status> {
        Ok(self.object_and_duplicates()?.0)
    }

    fn object_and_duplicates(&self) -> Result<(Value, Vec<String>), Status> {
        match self.media_type() {
            "" | "application/json" | "*/*" => self.json_body(),
            "application/yaml" | "application/x-yaml" => Ok((self.yaml_body()?, Vec::new())),
            other => Err(Status::unsupported_media_type(other)),
        }
    }

    /// The body as an object, and what is to be said of fields that are there twice.
    fn checked_object(
        &self,
        target: &Target,
        options: &WriteOptions,
    ) -> Result<(Value, Vec<String>), Status> {
        let (object, duplicates) = self.object_and_duplicates()?;
        Ok((object, judge_duplicates(target, &duplicates, options)?))
    }

    fn json_body(&self) -> Result<(Value, Vec<String>), Status> {
        json::parse(&self.body)
            .map_err(|e| Status::bad_request(format!("the request body is not JSON: {e}")))
    }

    fn yaml_body(&self) -> Result<Value, Status> {
        let text = std::str::from_utf8(&self.body)
            .map_err(|e| Status::bad_request(format!("the request body is not UTF-8: {e}")))?;
        serde_saphyr::from_str(text).map_err(|e| {
            Status::bad_request(format!(
                "kube-sim cannot read the request body as YAML: {e}"
            ))
        })
    }

    fn patch(
        &self,
        target: &Target,
        options: &WriteOptions,
    ) -> Result<(Patch, Vec<String>), Status> {
        let kind: fn(Value) -> Patch = match self.media_type() {
            "application/json-patch+json" => Patch::Json,
            "application/merge-patch+json" => Patch::Merge,
            "application/strategic-merge-patch+json" => Patch::Strategic,
            // JSON is YAML, and far quicker to read.
            "application/apply-patch+yaml" => {
                let read = self.json_body();
                let (config, duplicates) = match read {
                    Ok(read) => read,
                    Err(_) => (self.yaml_body()?, Vec::new()),
                };
                let warnings = judge_duplicates(target, &duplicates, options)?;
                return Ok((Patch::Apply(config), warnings));
            }
            _ => return Err(Status::unsupported_patch(target.resource.custom.is_some())),
        };
        let (patch, duplicates) = self.json_body()?;
        Ok((kind(patch), judge_duplicates(target, &duplicates, options)?))
    }
}

/// Fields that are there twice, by what `fieldValidation` asks: a refusal, warnings, or nothing.
fn judge_duplicates(
    target: &Target,
    duplicates: &[String],
    options: &WriteOptions,
) -> Result<Vec<String>, Status> {
    let texts: Vec<String> = duplicates
        .iter()
        .map(|path| format!("duplicate field {path:?}"))
        .collect();
    match options.field_validation {
        FieldValidation::Strict if !texts.is_empty() => {
            Err(Status::strict_decoding(&target.resource, &texts))
        }
        FieldValidation::Ignore => Ok(Vec::new()),
        _ => Ok(texts),
    }
}

/// Brings the objects of a watch into the shape that the client accepts.
pub(crate) struct Shaper {
    clock: crate::clock::Clock,
    accept: Accept,
    objects: table::RowObject,
    /// Columns come with the first table only.
    told_columns: bool,
}

impl Shaper {
    fn shape(&mut self, target: &Target, event: crate::server::WatchEvent) -> Value {
        let object = match (self.accept.shape, event.kind) {
            (_, "ERROR") | (Shape::Full, _) => event.object,
            (Shape::Partial | Shape::PartialList, _) => discovery::partial(&event.object),
            (Shape::Table, kind) => {
                let metadata =
                    json!({"resourceVersion": event.object["metadata"]["resourceVersion"]});
                let rows: &[Value] = if kind == "BOOKMARK" {
                    &[]
                } else {
                    std::slice::from_ref(&event.object)
                };
                let mut table = table::render(
                    &target.resource,
                    rows,
                    &metadata,
                    self.objects,
                    self.clock.now(),
                );
                if self.told_columns {
                    table["columnDefinitions"] = json!([]);
                }
                self.told_columns = true;
                table
            }
        };
        json!({"type": event.kind, "object": object})
    }
}

fn ok(body: &Value) -> Response<ResponseBody> {
    json_response(StatusCode::OK, body)
}

fn failure(status: &Status) -> Response<ResponseBody> {
    let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.code == 404 && status.reason.is_empty() {
        let mut response = text(&status.message);
        *response.status_mut() = code;
        return response;
    }
    let mut response = json_response(code, &status.to_json());
    if let Some(seconds) = status.details.retry_after_seconds {
        response
            .headers_mut()
            .insert(http::header::RETRY_AFTER, seconds.into());
    }
    response
}

fn json_response(code: StatusCode, body: &Value) -> Response<ResponseBody> {
    with_type(
        code,
        "application/json",
        ResponseBody::whole(body.to_string()),
    )
}

fn discovery_response(body: &Value) -> Response<ResponseBody> {
    let kind = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    with_type(StatusCode::OK, kind, ResponseBody::whole(body.to_string()))
}

fn text(body: &str) -> Response<ResponseBody> {
    with_type(
        StatusCode::OK,
        "text/plain; charset=utf-8",
        ResponseBody::whole(body.to_owned()),
    )
}

fn with_type(
    code: StatusCode,
    media_type: &'static str,
    body: ResponseBody,
) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, http::HeaderValue::from_static(media_type));
    response
}

/// What a request for a resource asks of RBAC.
fn attributes<'a>(request: &'a ResourceRequest, verb: &'a str) -> Attributes<'a> {
    let target = &request.target;
    Attributes {
        verb,
        group: &target.resource.group,
        resource: &target.resource.plural,
        subresource: request.subresource_name(),
        // The namespace of a request about a namespace is the namespace itself.
        namespace: if target.resource.is("", "Namespace") {
            request.name.as_deref()
        } else {
            target.namespace.as_deref()
        },
        name: request.name.as_deref().unwrap_or_default(),
    }
}

/// The verb of a request for a resource, as RBAC calls it.
fn verb(method: &Method, request: &ResourceRequest, is_watch: bool) -> &'static str {
    match (method.as_str(), request.name.is_some()) {
        ("GET", _) if is_watch => "watch",
        ("GET", true) => "get",
        ("GET", false) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "delete",
        ("DELETE", false) => "deletecollection",
        _ => "unknown",
    }
}
