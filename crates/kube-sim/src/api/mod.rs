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
use tokio::sync::watch as latest;

use crate::faults::{ConnectionReset, Fault, Faults};
use crate::resource::Registry;
use crate::server::{
    ApiServer, DeleteOptions, Deleted, FieldValidation, List, ListOptions, Patch, Propagation,
    Target, WatchOptions, WriteOptions, Written,
};
use crate::status::Status;
use crate::table;

pub use body::ResponseBody;
pub(crate) use discovery::partial;

use accept::{Accept, Shape};
use route::{Query, ResourceRequest, Route};

/// Larger bodies are refused, as by the real server.
const MAX_BODY_BYTES: usize = 3 * 1024 * 1024;

/// A `tower` service over an [`ApiServer`]: give it to `kube::Client::new`, or serve it over HTTP.
///
/// It takes any request body. Watches answer with a body that goes on until the watch ends.
#[derive(Clone)]
pub struct ApiService {
    server: ApiServer,
    faults: Faults,
}

impl ApiService {
    /// A service over `server` with these faults.
    pub fn new(server: ApiServer, faults: Faults) -> Self {
        Self { server, faults }
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
        let mut call = Call {
            server: &self.server,
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
    method: &'a Method,
    headers: &'a HeaderMap,
    query: &'a Query,
    body: Bytes,
    cuts: latest::Receiver<u64>,
    /// The revision that reads show, where that is not the newest.
    read_at: Option<u64>,
}

impl Call<'_> {
    fn answer(&self, route: Route, registry: &Registry) -> Result<Response<ResponseBody>, Status> {
        let accept = Accept::parse(self.header(ACCEPT.as_str()))?;
        match route {
            Route::Health => Ok(text("ok")),
            Route::Resource(request) => self.resource(&request, &accept),
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
            ("PUT", Some(name)) => {
                let (object, options) = (self.object()?, self.write_options()?);
                let written = if request.status {
                    self.server.update_status(target, name, object, &options)?
                } else if request.finalize {
                    self.server
                        .finalize_namespace(target, name, &object, &options)?
                } else {
                    self.server.update(target, name, object, &options)?
                };
                Ok(self.written(target, written, accept))
            }
            ("PATCH", Some(name)) => {
                let (patch, options) = (self.patch()?, self.write_options()?);
                let written = if request.status {
                    self.server.patch_status(target, name, &patch, &options)?
                } else {
                    self.server.patch(target, name, &patch, &options)?
                };
                Ok(self.written(target, written, accept))
            }
            ("DELETE", Some(name)) if !request.status => {
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
        let watch = self.query.flag("watch") || request.legacy_watch;
        match (self.method.as_str(), request.name.is_some()) {
            ("GET", _) if watch => "watch",
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

    fn patch(&self) -> Result<Patch, Status> {
        match self.media_type() {
            "application/json-patch+json" => self.json_body().map(Patch::Json),
            "application/merge-patch+json" => self.json_body().map(Patch::Merge),
            "application/strategic-merge-patch+json" => self.json_body().map(Patch::Strategic),
            // JSON is YAML, and far quicker to read.
            "application/apply-patch+yaml" => self
                .json_body()
                .or_else(|_| self.yaml_body())
                .map(Patch::Apply),
            other => Err(Status::unsupported_media_type(other)),
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
                return Err(Status::bad_request(format!(
                    "fieldValidation: Unsupported value: {other:?}: supported values: \"Ignore\", \"Strict\", \"Warn\""
                )));
            }
        };
        Ok(WriteOptions {
            dry_run: self.dry_run()?,
            field_manager,
            field_validation,
            force: self.query.flag("force"),
        })
    }

    fn dry_run(&self) -> Result<bool, Status> {
        match self.query.text("dryRun").as_str() {
            "" => Ok(false),
            "All" => Ok(true),
            other => Err(Status::bad_request(format!(
                "dryRun: Unsupported value: {other:?}: supported values: \"All\""
            ))),
        }
    }

    fn delete_options(&self) -> Result<DeleteOptions, Status> {
        let mut options = if self.body.is_empty() {
            DeleteOptions::default()
        } else {
            DeleteOptions::from_body(&self.object()?)?
        };
        let policy = self.query.text("propagationPolicy");
        if !policy.is_empty() {
            options.propagation = Some(Propagation::parse(&policy)?);
        }
        if let Some(seconds) = self.query.number("gracePeriodSeconds")? {
            options.grace_period_seconds = i64::try_from(seconds).ok();
        }
        options.dry_run |= self.dry_run()?;
        Ok(options)
    }
}

/// Brings the objects of a watch into the shape that the client accepts.
pub(crate) struct Shaper {
    clock: crate::clock::Clock,
    accept: Accept,
    objects: table::RowObject,
}

impl Shaper {
    fn shape(&self, target: &Target, event: crate::server::WatchEvent) -> Value {
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
                table::render(
                    &target.resource,
                    rows,
                    &metadata,
                    self.objects,
                    self.clock.now(),
                )
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
