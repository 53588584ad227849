//! What was bought and what went wrong with it, and the last calls.

use std::fmt::{self, Write as _};

use super::text::{ago, escape};
use crate::cloud::{Call, Journal, Paid};
use crate::time::Timestamp;

/// Rows of each table.
const ROWS: usize = 100;

pub(super) fn write(page: &mut String, journal: &Journal, now: Timestamp) -> fmt::Result {
    write_harm(page, journal, now)?;
    write!(page, "<h2>Last of {} calls</h2>", journal.total())?;
    if journal.calls.is_empty() {
        page.push_str("<p>Nobody has called yet.");
        return Ok(());
    }
    page.push_str("<table><tr><th>When<th>Times<th>Action<th>Result<th>Parameters");
    let mut calls = journal.calls.iter().rev().peekable();
    for _ in 0..ROWS {
        let Some(last) = calls.next() else { break };
        let mut times = 1;
        // Somebody who waits asks the same again and again.
        while calls.next_if(|call| repeats(call, last)).is_some() {
            times += 1;
        }
        write_call(page, last, times, now)?;
    }
    page.push_str("</table>");
    Ok(())
}

fn write_harm(page: &mut String, journal: &Journal, now: Timestamp) -> fmt::Result {
    write!(
        page,
        "<h2>Money and harm</h2><p>Bought: {}; not released: {}; bought twice: {}; changes of what a person owns: {}.",
        journal.purchases.len(),
        journal.leaks().count(),
        journal.doubles.len(),
        journal.foreign_touches.len()
    )?;
    page.push_str("<ul class=\"top\">");
    for double in journal.doubles.iter().rev().take(ROWS) {
        write!(
            page,
            "<li class=\"bad\">{} {} was bought while {} of the same name stood: {}",
            kind(double.kind),
            escape(&double.second),
            escape(&double.first),
            escape(&double.name)
        )?;
    }
    for touch in journal.foreign_touches.iter().rev().take(ROWS) {
        let (action, id) = (escape(&touch.action), escape(&touch.id));
        let when = ago(now, touch.at);
        write!(page, "<li class=\"busy\">{action} of {id}, {when}")?;
    }
    page.push_str("</ul>");
    Ok(())
}

fn repeats(call: &Call, other: &Call) -> bool {
    (&call.account, &call.action, &call.params) == (&other.account, &other.action, &other.params)
        && (&call.code, call.delivered) == (&other.code, other.delivered)
}

fn write_call(page: &mut String, call: &Call, times: usize, now: Timestamp) -> fmt::Result {
    let (class, result) = match &call.code {
        None => ("good", "OK"),
        Some(code) => ("bad", code.as_str()),
    };
    write!(
        page,
        "<tr><td>{}<td>{times}<td>{}<td><span class=\"{class}\">{}</span>{}<td>",
        ago(now, call.at),
        escape(&call.action),
        escape(result),
        if call.delivered { "" } else { ", not heard" }
    )?;
    for (name, value) in call.params.iter() {
        write!(page, "{}={} ", escape(name), escape(value))?;
    }
    Ok(())
}

fn kind(kind: Paid) -> &'static str {
    match kind {
        Paid::LoadBalancer => "ELB",
        Paid::Eip => "EIP",
    }
}
