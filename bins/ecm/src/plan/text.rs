//! A plan as people read it.

use std::fmt::Write as _;

use anstyle::Style;
use ecm_policy::conditions::Condition;
use ecm_policy::ledger::Intent;
use ecm_policy::plan::Step;
use ecm_reconciler::preview::{Forecast, Foreseen, Outcome, PoolServiceForecast, ServiceForecast};

use crate::ui::{BAD, BOLD, DIM, GOOD, WARN, styled};

/// One line of a block: a sign, what it is about, and the rest.
struct Row {
    sign: char,
    what: String,
    detail: String,
}

impl Row {
    fn new(sign: char, what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            sign,
            what: what.into(),
            detail: detail.into(),
        }
    }
}

/// The whole plan: a block for each Service of which there is something to say, then one for each
/// PoolService, then a summary.
pub(super) fn render(forecast: &Forecast) -> String {
    let mut blocks: Vec<String> = forecast.services.iter().map(service).collect();
    blocks.extend(forecast.pool_services.iter().map(pool_service));
    blocks.push(summary(forecast));
    blocks.join("\n\n")
}

fn service(forecast: &ServiceForecast) -> String {
    let title = format!("Service {}", forecast.service);
    let created = forecast.create.iter();
    let mut rows: Vec<Row> = created
        .map(|name| Row::new('+', "PoolService", name))
        .collect();
    let repaired = forecast.repair.iter();
    rows.extend(repaired.map(|name| Row::new('~', "PoolService", name)));
    let deleted = forecast.delete.iter();
    rows.extend(deleted.map(|gone| {
        let (name, cause) = (&gone.pool_service, gone.cause);
        let when = match gone.within {
            0 => String::new(),
            seconds => format!(", within {seconds} s unless that is put right"),
        };
        Row::new('-', "PoolService", format!("{name} ({cause:?}{when})"))
    }));
    let events = forecast.events.iter();
    rows.extend(events.map(|event| Row::new('!', event.reason.as_str(), &event.message)));
    block(&title, &rows)
}

fn pool_service(forecast: &PoolServiceForecast) -> String {
    let mut title = format!("PoolService {}", forecast.pool_service);
    if let Some(pool) = &forecast.pool {
        let _ = write!(title, "  pool {pool}");
    }
    if let Some(place) = &forecast.placement {
        let _ = write!(title, "  in {} {}", place.region, place.network);
    }
    let mut rows = steps(&forecast.steps);
    rows.extend(forecast.refusals.iter().map(refusal));
    rows.extend(
        forecast
            .waits
            .iter()
            .map(|wait| Row::new('…', "waits", wait)),
    );
    rows.push(outcome(&forecast.outcome, rows.is_empty()));
    block(&title, &rows)
}

fn refusal(condition: &Condition) -> Row {
    Row::new('!', condition.reason.as_str(), &condition.message)
}

fn outcome(outcome: &Outcome, nothing: bool) -> Row {
    match outcome {
        Outcome::Serves { address } if nothing => {
            Row::new('=', "nothing to do", format!("serves at {address}"))
        }
        Outcome::Serves { address } => Row::new('=', "serves", format!("at {address}")),
        Outcome::Released => Row::new('=', "let go", "the finalizer goes"),
        Outcome::Stays => Row::new('=', "no address", ""),
        Outcome::Unreadable { error } => Row::new('!', "unreadable", error),
    }
}

/// A listener that is made is also started: one line says both.
fn steps(steps: &[Foreseen]) -> Vec<Row> {
    let is_new = |step: &Step| {
        match step {
        Step::StartListener { key, .. } => steps.iter().any(
            |other| matches!(&other.step, Step::CreateListener { listener, .. } if listener.key == *key),
        ),
        _ => false,
    }
    };
    let shown = steps.iter().filter(|foreseen| !is_new(&foreseen.step));
    shown
        .map(|Foreseen { after, step }| {
            let mut row = row(step);
            if *after > 0 {
                let _ = write!(row.detail, " (in {after} s at the earliest)");
            }
            row
        })
        .collect()
}

fn row(step: &Step) -> Row {
    match step {
        Step::CreateLoadBalancer(intent) => Row::new(
            '+',
            "load balancer",
            parameters(
                intent,
                &[
                    "LoadBalancerSpec",
                    "PayType",
                    "VSwitchId",
                    "LoadBalancerName",
                ],
            ),
        ),
        Step::CreateEip(intent) => Row::new(
            '+',
            "EIP",
            format!(
                "{} Mbit/s, {}",
                parameters(intent, &["Bandwidth"]),
                parameters(intent, &["Isp", "InstanceChargeType", "InternetChargeType"])
            ),
        ),
        Step::ActivateLoadBalancer { id } => Row::new('~', id, "set Active"),
        Step::RenameLoadBalancer { id, name } => Row::new('~', id, format!("renamed to {name}")),
        Step::ReleaseLoadBalancer { id, .. } => Row::new('-', id, "released, with its listeners"),
        Step::ReleaseEip { id } => Row::new('-', id, "released: its address goes"),
        Step::BindEip { id, load_balancer } => {
            Row::new('~', id, format!("bound to {load_balancer}"))
        }
        Step::UnbindEip { id } => Row::new('~', id, "unbound"),
        Step::SetEipBandwidth { id, bandwidth } => {
            Row::new('~', id, format!("bandwidth {bandwidth} Mbit/s"))
        }
        Step::CreateListener { listener, .. } => Row::new(
            '+',
            format!("listener {}", listener.key),
            format!(
                "to node port {}, {}",
                listener.backend_port, listener.settings.scheduler
            ),
        ),
        Step::SetListener { listener, .. } => Row::new(
            '~',
            format!("listener {}", listener.key),
            "changed in place",
        ),
        Step::StartListener { key, .. } => Row::new('~', format!("listener {key}"), "started"),
        Step::StopListener { key, .. } => Row::new('~', format!("listener {key}"), "stopped"),
        Step::DeleteListener { key, .. } => Row::new('-', format!("listener {key}"), "deleted"),
        Step::AddBackends { servers, .. } => {
            let servers = servers
                .iter()
                .map(|s| format!("{}={}", s.server_id, s.weight));
            Row::new('+', "backends", joined(servers))
        }
        Step::SetWeights { servers, .. } => {
            let servers = servers
                .iter()
                .map(|s| format!("{}={}", s.server_id, s.weight));
            Row::new('~', "backends", joined(servers))
        }
        Step::RemoveBackends { servers, .. } => {
            let servers = servers.iter().map(|s| s.server_id.clone());
            Row::new('-', "backends", joined(servers))
        }
    }
}

fn parameters(intent: &Intent, names: &[&str]) -> String {
    let values = names.iter().filter_map(|name| intent.parameters.get(*name));
    joined(values.cloned())
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// A title and its rows, the columns aligned.
fn block(title: &str, rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.what.chars().count()).max();
    let width = width.unwrap_or_default();
    let mut text = styled(BOLD, title);
    for Row { sign, what, detail } in rows {
        let line = format!("{sign} {what:width$}  {detail}");
        let line = line.trim_end();
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  {}", styled(style(*sign), line));
    }
    text
}

fn style(sign: char) -> Style {
    match sign {
        '+' => GOOD,
        '~' | '…' => WARN,
        '-' | '!' => BAD,
        _ => DIM,
    }
}

fn summary(forecast: &Forecast) -> String {
    let count = |number: usize, one: &str, many: &str| {
        format!("{number} {}", if number == 1 { one } else { many })
    };
    let pool_services = &forecast.pool_services;
    if pool_services.is_empty() && forecast.services.is_empty() {
        return "Nothing here is for this controller: no Service of its class selects a node pool."
            .to_owned();
    }
    let steps = pool_services.iter().map(|ps| ps.steps.len()).sum();
    let refusals = pool_services.iter().map(|ps| ps.refusals.len()).sum();
    format!(
        "{} for {}, {}.",
        count(steps, "change of the cloud", "changes of the cloud"),
        count(pool_services.len(), "PoolService", "PoolServices"),
        count(refusals, "refusal", "refusals"),
    )
}
