//! What a person sees who opens the endpoint in a browser: what exists, and what was asked.

use std::fmt::Write as _;

use serde_json::json;

use crate::cloud::Cloud;

/// Calls shown.
const CALLS: usize = 100;

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

    pub(crate) fn render(self, cloud: &Cloud) -> String {
        match self {
            Self::Html => html(cloud),
            Self::Json => {
                json!({ "snapshot": cloud.snapshot(), "journal": cloud.journal() }).to_string()
            }
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

/// The page: a tree of ELBs, EIPs and instances, leaks and harm, and the last calls.
fn html(cloud: &Cloud) -> String {
    let mut page = String::from(
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta http-equiv=\"refresh\" content=\"5\"><title>ens-sim</title>\
         <style>body{font:14px/1.5 system-ui,sans-serif;margin:2em}td,th{padding:0 1em 0 0;text-align:left}</style>\
         <h1>Simulated ENS</h1>",
    );
    let _infallible = write_page(&mut page, cloud);
    page.push_str("</html>");
    page
}

fn write_page(page: &mut String, cloud: &Cloud) -> std::fmt::Result {
    let snapshot = cloud.snapshot();
    let journal = cloud.journal();
    write!(page, "<h2>Load balancers</h2><ul>")?;
    for balancer in &snapshot.load_balancers {
        let (id, name) = (escape(&balancer.id), escape(&balancer.name));
        write!(
            page,
            "<li><b>{id}</b> {name} ({}, {}, {})<ul>",
            balancer.region,
            balancer.status(),
            balancer.address
        )?;
        for listener in balancer.listeners.values() {
            let (port, protocol) = (listener.port, listener.protocol);
            let (status, backend) = (listener.status.as_str(), listener.backend_port());
            let trouble = listener.trouble.as_deref().map(escape).unwrap_or_default();
            write!(
                page,
                "<li>{protocol} {port} &rarr; {backend} {status} {trouble}</li>"
            )?;
        }
        for server in &balancer.backends {
            write!(
                page,
                "<li>{} {} weight {}</li>",
                escape(&server.server_id),
                escape(&server.ip),
                server.weight
            )?;
        }
        write!(page, "</ul></li>")?;
    }
    write!(page, "</ul><h2>EIPs</h2><ul>")?;
    for eip in &snapshot.eips {
        let bound = eip
            .binding
            .as_ref()
            .map_or("", |binding| binding.instance_id.as_str());
        let (name, bound) = (escape(&eip.name), escape(bound));
        let status = eip.status.as_str();
        write!(
            page,
            "<li><b>{}</b> {} {name} ({}, {status}) {bound}</li>",
            escape(&eip.id),
            eip.address,
            eip.region
        )?;
    }
    write!(page, "</ul><h2>Instances</h2><ul>")?;
    for instance in &snapshot.instances {
        let reach = instance
            .reach
            .map_or_else(|| "not reachable".to_owned(), |address| address.to_string());
        let (id, region, ip) = (escape(&instance.id), &instance.region, instance.private_ip);
        write!(
            page,
            "<li><b>{id}</b> {region} {ip} ({:?}, {reach})</li>",
            instance.status
        )?;
    }
    write!(
        page,
        "</ul><h2>Money and harm</h2><p>{} alive of {} made; {} made twice; {} foreign resources changed.</p>",
        journal.leaks().count(),
        journal.purchases.len(),
        journal.doubles.len(),
        journal.foreign_touches.len()
    )?;
    write!(page, "<h2>Last calls of {}</h2><table>", journal.total())?;
    for call in journal.calls.iter().rev().take(CALLS) {
        let result = call.code.as_deref().map_or_else(|| "OK".to_owned(), escape);
        let params: Vec<String> = call
            .params
            .iter()
            .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
            .collect();
        let (at, action) = (call.at.iso8601(), escape(&call.action));
        write!(
            page,
            "<tr><td>{at}<td>{action}<td>{result}<td>{}",
            params.join(" ")
        )?;
    }
    write!(page, "</table>")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::Config;

    #[test]
    fn the_page_shows_what_stands_and_only_people_get_it() {
        let cloud = Cloud::new(Config::default(), 1).unwrap();
        let page = html(&cloud);
        assert!(
            page.contains("lb-heifei")
                && page.contains("eip-chengdu")
                && page.contains("i-heifei-1"),
            "{page}"
        );
        let get = |uri: &str| http::Request::get(uri).body(()).unwrap();
        assert_eq!(wanted(&get("/")), Some(Page::Html));
        assert_eq!(wanted(&get("/state.json")), Some(Page::Json));
        assert_eq!(wanted(&get("/?Action=DescribeInstances")), None);
        let json: serde_json::Value = serde_json::from_str(&Page::Json.render(&cloud)).unwrap();
        assert_eq!(json["snapshot"]["load_balancers"][1]["id"], "lb-heifei");
        assert_eq!(json["journal"]["calls"], json!([]));
    }

    #[test]
    fn names_cannot_smuggle_markup_into_the_page() {
        assert_eq!(escape("<b>\"&"), "&lt;b&gt;&quot;&amp;");
    }
}
