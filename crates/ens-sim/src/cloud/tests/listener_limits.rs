//! Every parameter of a listener on both sides of its limits, at its creation and at its change.

use super::*;

const ID: (&str, &str) = ("LoadBalancerId", "lb-heifei");
const PORT: (&str, &str) = ("ListenerPort", "8000");
const CREATE: &str = "Create";

/// The protocols and, with `Create`, the creation alone that know a parameter; the parameter; its least and its greatest
/// value.
const NUMBERS: &[(&[&str], &str, u32, u32)] = &[
    (ALL, "ListenerPort", 1, 65_535),
    (ALL, "HealthCheckConnectPort", 1, 65_535),
    (ALL, "HealthCheckInterval", 1, 50),
    (ALL, "HealthyThreshold", 2, 10),
    (ALL, "UnhealthyThreshold", 2, 10),
    (
        &["TCP", "UDP", "HTTP", "HTTPS", CREATE],
        "BackendServerPort",
        1,
        65_535,
    ),
    (&["TCP", "UDP"], "EstablishedTimeout", 10, 900),
    (&["TCP", "UDP"], "HealthCheckConnectTimeout", 1, 300),
    (&["TCP"], "PersistenceTimeout", 0, 3_600),
    (&["HTTP", "HTTPS"], "HealthCheckTimeout", 1, 300),
    (&["HTTP", "HTTPS"], "IdleTimeout", 1, 60),
    (&["HTTP", "HTTPS"], "RequestTimeout", 1, 180),
    (&["HTTP", "HTTPS", CREATE], "ForwardPort", 1, 65_535),
    (&["HTTPS", CREATE], "CookieTimeout", 1, 86_400),
];
/// The same with the least and the greatest number of characters, and what the first character is.
const TEXTS: &[(&[&str], &str, usize, usize, char)] = &[
    (ALL, "Description", 1, 80, 'd'),
    (&["TCP", "HTTP", "HTTPS"], "HealthCheckURI", 2, 80, '/'),
    (&["UDP"], "HealthCheckReq", 1, 64, 'r'),
    (&["UDP"], "HealthCheckExp", 1, 64, 'e'),
    (&["HTTPS", CREATE], "Cookie", 1, 200, 'c'),
];
const WORDS: &[(&[&str], &str, &[&str])] = &[
    (&["TCP", "UDP"], "EipTransmit", &["on", "off"]),
    (&["TCP"], "HealthCheckType", &["tcp", "http"]),
    (
        &["TCP", "HTTP", "HTTPS"],
        "HealthCheckHttpCode",
        &["http_2xx", "http_3xx", "http_4xx", "http_5xx"],
    ),
    (&["HTTP", "HTTPS"], "HealthCheckMethod", &["head", "get"]),
    (&["HTTP", "HTTPS"], "HealthCheck", &["on", "off"]),
    (
        &["HTTP", "HTTPS", CREATE],
        "ListenerForward",
        &["on", "off"],
    ),
    (&["HTTP"], "XForwardedFor", &["on", "off"]),
    (
        &["HTTPS", CREATE],
        "StickySessionType",
        &["insert", "server"],
    ),
];
const ALL: &[&str] = &["TCP", "UDP", "HTTP", "HTTPS"];

/// Whether creation and, where it knows the parameter, change take a value; both have to agree.
#[track_caller]
fn passes(who: &[&str], name: &str, value: &str) -> bool {
    let kinds = who.iter().filter(|kind| **kind != CREATE);
    let mut verdicts = kinds.flat_map(|kind| {
        let mut run = Run::switched(|_| {});
        let create = format!("CreateLoadBalancer{kind}Listener");
        let needed = match *kind {
            "HTTP" => vec![ID, PORT, ("HealthCheck", "on")],
            "HTTPS" => vec![
                ID,
                PORT,
                ("HealthCheck", "on"),
                ("ServerCertificateId", "c"),
            ],
            _ => vec![ID, PORT],
        };
        let refused = format!("InvalidParameter.{name}");
        let takes = |run: &mut Run, action: &str, needed: &[(&str, &str)]| {
            let answer = run.reply(action, &but(needed, &[(name, value)])).response;
            (action.to_owned(), answer.code() != Some(&refused))
        };
        let created = takes(&mut run, &create, &needed);
        if who.contains(&CREATE) {
            return vec![created];
        }
        let mut run = Run::switched(|_| {});
        run.ok(&create, &needed);
        let set = format!("SetLoadBalancer{kind}ListenerAttribute");
        vec![created, takes(&mut run, &set, &[ID, PORT])]
    });
    let (_, verdict) = verdicts.next().expect("no protocol");
    for (action, other) in verdicts {
        assert_eq!(other, verdict, "{action}: {name}={value}");
    }
    verdict
}

#[test]
fn limits_of_listener_parameters() {
    for (who, name, least, most) in NUMBERS {
        for (value, fits) in [
            (i64::from(*least) - 1, false),
            (i64::from(*least), true),
            (i64::from(*most), true),
            (i64::from(*most) + 1, false),
        ] {
            assert_eq!(
                passes(who, name, &value.to_string()),
                fits,
                "{name}={value}"
            );
        }
        assert!(!passes(who, name, "many"), "{name}=many");
    }
    for (who, name, least, most, first) in TEXTS {
        let text = |length: usize| format!("{first}{}", "x".repeat(length - 1));
        for (length, fits) in [(*least, true), (*most, true), (most + 1, false)] {
            assert_eq!(passes(who, name, &text(length)), fits, "{name}: {length}");
        }
    }
    assert!(!passes(ALL, "Description", "http://x"));
    assert!(!passes(&["TCP", "HTTP", "HTTPS"], "HealthCheckURI", "/"));
    assert!(!passes(&["TCP", "HTTP", "HTTPS"], "HealthCheckURI", "up"));
    assert!(!passes(&["UDP"], "HealthCheckReq", "a-b"));
    for (who, name, words) in WORDS {
        for word in *words {
            assert!(passes(who, name, word), "{name}={word}");
        }
        assert!(!passes(who, name, "maybe"), "{name}=maybe");
    }
}
