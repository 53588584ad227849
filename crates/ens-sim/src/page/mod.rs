//! What a person sees who opens the endpoint in a browser: what exists, what it cost, and what was asked.

mod calls;
mod text;
mod tree;

use std::fmt::Write as _;

use serde_json::json;

use crate::cloud::Cloud;
use crate::dataplane::Bound;
use crate::time::Timestamp;
use text::escape;

const STYLE: &str = "\
body{font:14px/1.6 system-ui,sans-serif;margin:2em auto;padding:0 2em;max-width:80em;color:#1c1c1c}\
h1{font-size:1.6em;margin:0}h2{font-size:1.2em;margin:1.8em 0 .4em}\
ul{margin:0;padding-left:1.4em;list-style:none;border-left:1px solid #ddd}.top{padding:0;border:0}\
table{border-collapse:collapse;width:100%}tr{border-bottom:1px solid #eee}\
td,th{padding:.2em 1.5em .2em 0;text-align:left;vertical-align:top;white-space:nowrap}\
td:last-child{white-space:normal;overflow-wrap:anywhere;width:100%;padding-right:0}\
.good{color:#176b2c}.bad{color:#b3261e}.busy{color:#8a5a00}.dim{color:#666}";

/// A page that is no part of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// `/`: for a person.
    Html,
    /// `/state.json`: the same for a program.
    Json,
}

impl Page {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }

    /// `bound` says where fronts really accept; one that is not in it is shown where the cloud has it.
    pub(crate) fn render(self, cloud: &Cloud, bound: &Bound, now: Timestamp) -> String {
        match self {
            Self::Html => html(cloud, bound, now),
            Self::Json => json!({
                "now": now.iso8601(),
                "snapshot": cloud.snapshot(),
                "unhealthy": cloud.unhealthy().collect::<Vec<_>>(),
                "journal": cloud.journal(),
            })
            .to_string(),
        }
    }
}

/// Which page a request asks for: a plain GET without parameters and without a signature.
pub(crate) fn wanted<B>(request: &http::Request<B>) -> Option<Page> {
    let plain = request.method() == http::Method::GET
        && request.uri().query().is_none_or(str::is_empty)
        && !request.headers().contains_key(http::header::AUTHORIZATION);
    match request.uri().path() {
        "/" if plain => Some(Page::Html),
        "/state.json" if plain => Some(Page::Json),
        _ => None,
    }
}

fn html(cloud: &Cloud, bound: &Bound, now: Timestamp) -> String {
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _infallible = write(&mut page, cloud, bound, now);
    page
}

fn write(page: &mut String, cloud: &Cloud, bound: &Bound, now: Timestamp) -> std::fmt::Result {
    write!(
        page,
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"5\">\
         <meta name=\"viewport\" content=\"width=device-width\"><link rel=\"icon\" href=\"data:,\">\
         <title>Simulated ENS</title><style>{STYLE}</style><h1>Simulated ENS</h1>\
         <p class=\"dim\">Account {} at {}. This page loads itself again every 5 s; \
         <a href=\"/state.json\">the same as JSON</a>.",
        escape(&cloud.config().account),
        now.iso8601()
    )?;
    tree::write(page, cloud, bound, now)?;
    calls::write(page, cloud.journal(), now)?;
    page.push_str("</html>\n");
    Ok(())
}

#[cfg(test)]
mod tests;
