//! The REST API: from an HTTP request to the core and back.

mod accept;
mod body;
mod discovery;
mod openapi;
mod route;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT, WARNING};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};

use crate::access::{Access, Attributes, User};
use crate::counter::Changes;
use crate::faults::{ConnectionReset, Fault, Faults};
use crate::resource::Registry;
use crate::server::{
    ApiServer, DeleteOptions, Deleted, FieldValidation, List, ListOptions, Patch, Propagation,
    Target, WatchOptions, WriteOptions, Written,
};
use crate::status::{FieldError, Status};
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
        let accept = Accept::parse(self.header(ACCEPT.as_str()))?;
        match route {
            Route::Health => Ok(text("ok")),
            Route::Resource(request) => self.resource(&request, &accept),
            Route::Review(review) if *self.method == Method::POST => {
                let answer = review.answer(&self.object()?, self.user, self.access, self.server);
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
            Route::Resource(request) => Attributes {
                verb: self.verb(request),
                group: &request.target.resource.group,
                resource: &request.target.resource.plural,
                subresource: request.subresource_name(),
                // The namespace of a request about a namespace is the namespace itself.
                namespace: if request.target.resource.is("", "Namespace") {
                    request.name.as_deref()
                } else {
                    request.target.namespace.as_deref()
                },
                name: request.name.as_deref().unwrap_or_default(),
            },
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

    fn resource(
        &self,
        request: &ResourceRequest,
        accept: &Accept,
    ) -> Result<Response<ResponseBody>, Status> {
        let target = &request.target;
        let watch = self.query.flag("watch") || request.legacy_watch;
        match (self.method.as_str(), request.name.as_deref()) {
            ("GET", None) if watch => self.watch(target, accept, String::new()),
            ("GET", Some(name)) if watch => {
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
                let object = match self.read_at {
                    Some(revision) => self.server.get_at(target, name, revision)?,
                    None => self.server.get(target, name)?,
                };
                Ok(ok(&self.show(target, object, accept)))
            }
            ("POST", None) => {
                let options = self.write_options()?;
                let written = self.server.create(target, self.object()?, &options)?;
                Ok(self.written(target, written, accept))
            }
            ("POST", Some(name)) if request.subresource == Some(Subresource::Token) => {
                let answer = self.server.request_token(target, name, &self.object()?)?;
                Ok(json_response(StatusCode::CREATED, &answer))
            }
            (_, _) if request.subresource == Some(Subresource::Token) => {
                Err(Status::method_not_allowed())
            }
            ("PUT", Some(name)) => {
                let (object, options) = (self.object()?, self.write_options()?);
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
                Ok(self.written(target, written, accept))
            }
            ("PATCH", Some(name)) => {
                let (patch, options) = (
                    self.patch(target.resource.custom.is_some())?,
                    self.write_options()?,
                );
                let written = if request.subresource == Some(Subresource::Status) {
                    self.server.patch_status(target, name, &patch, &options)?
                } else {
                    self.server.patch(target, name, &patch, &options)?
                };
                Ok(self.written(target, written, accept))
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
            objects: self.rows(),
            told_columns: false,
        };
        let body = ResponseBody::watch(watch, shaper, self.cuts.clone());
        Ok(with_type(StatusCode::OK, "application/json", body))
    }

    fn rows(&self) -> table::RowObject {
        table::RowObject::parse(&self.query.text("includeObject"))
    }

    fn show(&self, target: &Target, object: Value, accept: &Accept) -> Value {
        match accept.shape {
            Shape::Full => object,
            Shape::Partial => discovery::partial(&object),
            Shape::Table => {
                let revision = object["metadata"]["resourceVersion"].clone();
                let rows = std::slice::from_ref(&object);
                table::render(
                    &target.resource,
                    rows,
                    &json!({"resourceVersion": revision}),
                    self.rows(),
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
            Shape::Partial => discovery::partial_list(&list.items, &metadata),
            Shape::Table => table::render(
                &target.resource,
                &list.items,
                &metadata,
                self.rows(),
                self.server.clock().now(),
            ),
        }
    }

    fn written(
        &self,
        target: &Target,
        written: Written,
        accept: &Accept,
    ) -> Response<ResponseBody> {
        let code = if written.created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        let mut response = json_response(code, &self.show(target, written.object, accept));
        for warning in &written.warnings {
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
        match self.media_type() {
            "" | "application/json" | "*/*" => self.json_body(),
            "application/yaml" | "application/x-yaml" => self.yaml_body(),
            other => Err(Status::unsupported_media_type(other)),
        }
    }

    fn json_body(&self) -> Result<Value, Status> {
        serde_json::from_slice(&self.body)
            .map_err(|e| Status::bad_request(format!("the request body is not JSON: {e}")))
    }

    fn yaml_body(&self) -> Result<Value, Status> {
        let text = std::str::from_utf8(&self.body)
            .map_err(|e| Status::bad_request(format!("the request body is not UTF-8: {e}")))?;
        serde_saphyr::from_str(text)
            .map_err(|e| Status::bad_request(format!("the request body is not YAML: {e}")))
    }

    fn patch(&self, is_custom: bool) -> Result<Patch, Status> {
        match self.media_type() {
            "application/json-patch+json" => self.json_body().map(Patch::Json),
            "application/merge-patch+json" => self.json_body().map(Patch::Merge),
            "application/strategic-merge-patch+json" => self.json_body().map(Patch::Strategic),
            // JSON is YAML, and far quicker to read.
            "application/apply-patch+yaml" => self
                .json_body()
                .or_else(|_| self.yaml_body())
                .map(Patch::Apply),
            _ => Err(Status::unsupported_patch(is_custom)),
        }
    }

    fn list_options(&self) -> Result<ListOptions, Status> {
        Ok(ListOptions {
            label_selector: self.query.text("labelSelector"),
            field_selector: self.query.text("fieldSelector"),
            limit: self
                .query
                .number("limit")?
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(0),
            continue_token: self.query.text("continue"),
            resource_version: self.query.text("resourceVersion"),
            resource_version_match: self.query.text("resourceVersionMatch"),
        })
    }

    fn write_options(&self) -> Result<WriteOptions, Status> {
        let mut field_manager = self.query.text("fieldManager");
        if field_manager.is_empty() && self.media_type() != "application/apply-patch+yaml" {
            // As the real server: the first word of the user agent stands in.
            let agent = self.header(USER_AGENT.as_str());
            let word = agent.split('/').next().filter(|s| !s.is_empty());
            word.unwrap_or("unknown").clone_into(&mut field_manager);
        }
        let field_validation = match self.query.text("fieldValidation").as_str() {
            "" | "Warn" => FieldValidation::Warn,
            "Strict" => FieldValidation::Strict,
            "Ignore" => FieldValidation::Ignore,
            other => {
                let allowed = ["Ignore", "Strict", "Warn"].map(str::to_owned);
                let fault = FieldError::not_supported("fieldValidation", &json!(other), &allowed);
                return Err(self.options_fault(fault));
            }
        };
        let is_apply = self.media_type() == "application/apply-patch+yaml";
        if is_apply && field_manager.is_empty() {
            let fault = FieldError::required("fieldManager", "is required for apply patch");
            return Err(self.options_fault(fault));
        }
        if !is_apply && self.query.flag("force") {
            let detail = "may not be specified for non-apply patch";
            return Err(self.options_fault(FieldError::forbidden("force", detail)));
        }
        Ok(WriteOptions {
            dry_run: self.dry_run()?,
            field_manager,
            field_validation,
            force: self.query.flag("force"),
        })
    }

    /// 422 for a parameter of a write.
    fn options_fault(&self, fault: FieldError) -> Status {
        let kind = match self.method.as_str() {
            "POST" => "CreateOptions",
            "PUT" => "UpdateOptions",
            "DELETE" => "DeleteOptions",
            _ => "PatchOptions",
        };
        Status::invalid_kind("meta.k8s.io", kind, vec![fault])
    }

    fn dry_run(&self) -> Result<bool, Status> {
        match self.query.text("dryRun").as_str() {
            "" => Ok(false),
            "All" => Ok(true),
            other => {
                let fault = FieldError::not_supported("dryRun", &json!(other), &["All".to_owned()]);
                Err(self.options_fault(fault))
            }
        }
    }

    fn delete_options(&self) -> Result<DeleteOptions, Status> {
        // As in the real server: options in a body hide those of the query.
        if !self.body.is_empty() {
            return DeleteOptions::from_body(&self.object()?);
        }
        let mut options = DeleteOptions::default();
        let policy = self.query.text("propagationPolicy");
        if !policy.is_empty() {
            options.propagation = Some(Propagation::parse(&policy)?);
        }
        if let Some(seconds) = self.query.number("gracePeriodSeconds")? {
            options.grace_period_seconds = i64::try_from(seconds).ok();
        }
        options.dry_run = self.dry_run()?;
        Ok(options)
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
            (Shape::Partial, _) => discovery::partial(&event.object),
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
