//! When a lost ledger is made anew, and when a person has to decide (behaviour 5.3).

use std::collections::BTreeMap;

use ecm_policy::desired::tags;
use ecm_policy::ledger::{Ledger, Owner};
use ecm_policy::observed::{ByName, Eip, EipStatus, LoadBalancer, LoadBalancerStatus, Presence};
use ecm_policy::rebuild::{Asked, Doubt, Seen, Words, rebuild};
use ecm_policy::snapshot::{Identity, ObjectKey, PoolService};

const NAME: &str = "k8s/web/shop/np/c1";
const NOW: i64 = 1_795_406_400;

fn pool_service() -> PoolService {
    PoolService {
        key: ObjectKey::new("shop", "web-np"),
        uid: "ps-uid".into(),
        resource_version: "1".into(),
        generation: Some(1),
        load_balancer_class: Some("alibabacloud.com/elb".into()),
        service: Some("web".into()),
        pool: Some("np".into()),
        annotations: BTreeMap::new(),
        deleting: false,
        has_finalizer: true,
        published: Vec::new(),
        created_at: 0,
    }
}

fn identity() -> Identity {
    Identity {
        load_balancer_class: "alibabacloud.com/elb".into(),
        cluster_id: "c1".into(),
        cluster_uid: "cluster-uid".into(),
        cloud_account: None,
    }
}

fn load_balancer(id: &str, name: &str) -> LoadBalancer {
    LoadBalancer {
        id: id.into(),
        name: name.into(),
        status: LoadBalancerStatus::Active,
        status_age: 0,
        region: "cn-hefei".into(),
        network: "n-1".into(),
        vswitch: "vsw-1".into(),
        address: "10.0.0.1".into(),
        spec: None,
        created_at: Some(1),
        detail: None,
    }
}

fn eip(id: &str, uid: &str, bound_to: Option<&str>) -> Eip {
    Eip {
        id: id.into(),
        name: NAME.into(),
        address: "1.2.3.4".into(),
        status: EipStatus::InUse,
        bandwidth: Some(10),
        bound_to: bound_to.map(str::to_owned),
        region: "cn-hefei".into(),
        created_at: Some(1),
        tags: vec![
            (tags::CLUSTER_UID.into(), "cluster-uid".into()),
            (tags::POOL_SERVICE_UID.into(), uid.into()),
        ],
    }
}

fn words(load_balancer: Option<&str>, eip: Option<&str>) -> Words {
    Words {
        region: "cn-hefei".into(),
        load_balancer: load_balancer.map(str::to_owned),
        eip: eip.map(str::to_owned),
        by_person: false,
    }
}

fn nothing() -> Seen {
    Seen {
        load_balancer: Presence::Unread,
        eip: Presence::Unread,
        by_name: ByName::default(),
        is_late: true,
    }
}

fn both() -> Seen {
    Seen {
        load_balancer: Presence::Present(load_balancer("lb-1", NAME)),
        eip: Presence::Present(eip("eip-1", "ps-uid", Some("lb-1"))),
        ..nothing()
    }
}

fn internet() -> Asked {
    Asked {
        wants_eip: true,
        ..Asked::default()
    }
}

fn make(words: &Words, asked: &Asked, seen: &Seen) -> Result<Ledger, Doubt> {
    rebuild(&pool_service(), &identity(), words, asked, seen, NOW)
}

#[test]
fn rule_5_3_what_the_mirror_names_and_the_cloud_confirms_is_ours_again() {
    let ledger = make(&words(Some("lb-1"), Some("eip-1")), &internet(), &both()).unwrap();
    assert_eq!(ledger.load_balancer.id.as_deref(), Some("lb-1"));
    assert_eq!(ledger.load_balancer.owner, Owner::Created);
    assert!(
        ledger.load_balancer.names.contains(NAME),
        "or it is never released"
    );
    assert_eq!(ledger.eip.unwrap().id.as_deref(), Some("eip-1"));
    assert_eq!(ledger.placement.network, "n-1");
    assert_eq!(ledger.pool_service_uid, "ps-uid");
    // A token of the lost ledger must never be used for another create.
    assert!(ledger.load_balancer.attempt > 1_000_000_000);
}

#[test]
fn rule_4_9_a_load_balancer_that_does_not_bear_our_name_is_never_rebuilt_as_ours() {
    let mut seen = both();
    seen.load_balancer = Presence::Present(load_balancer("lb-1", "the shop's own"));
    let named = words(Some("lb-1"), None);
    let foreign = Doubt::Foreign {
        id: "lb-1".into(),
        name: "the shop's own".into(),
    };
    assert_eq!(make(&named, &internet(), &seen), Err(foreign));
    let asked = Asked {
        users_load_balancer: Some("lb-1".into()),
        ..internet()
    };
    let ledger = make(&named, &asked, &seen).unwrap();
    assert_eq!(ledger.load_balancer.owner, Owner::User);
    assert_eq!(ledger.eip, None, "a user's EIP is in no ledger");
    seen.load_balancer = Presence::Gone { confirmed: true };
    let gone = make(&named, &asked, &seen).unwrap();
    assert_eq!(
        gone.load_balancer.owner,
        Owner::User,
        "or it would be made again"
    );
}

#[test]
fn rule_5_4_an_eip_with_the_tags_of_another_is_not_taken_from_the_mirror() {
    let mut seen = both();
    seen.eip = Presence::Present(eip("eip-1", "another", Some("lb-1")));
    let named = words(Some("lb-1"), Some("eip-1"));
    assert_eq!(
        make(&named, &internet(), &seen),
        Err(Doubt::Tags("eip-1".into()))
    );
    let said = Words {
        by_person: true,
        ..named
    };
    let ledger = make(&said, &internet(), &seen).unwrap();
    assert_eq!(
        ledger.eip.unwrap().id.as_deref(),
        Some("eip-1"),
        "a person vouches for it"
    );
}

#[test]
fn rule_8_5_one_read_that_says_gone_rebuilds_nothing() {
    let mut seen = both();
    seen.load_balancer = Presence::Gone { confirmed: false };
    let named = words(Some("lb-1"), Some("eip-1"));
    assert_eq!(
        make(&named, &internet(), &seen),
        Err(Doubt::Unsure("lb-1".into()))
    );
}

#[test]
fn rule_5_5_an_empty_mirror_waits_for_a_list_that_no_create_can_be_missing_in() {
    let early = Seen {
        is_late: false,
        ..nothing()
    };
    let empty = words(None, None);
    assert!(matches!(
        make(&empty, &internet(), &early),
        Err(Doubt::TooEarly(_))
    ));
    let ledger = make(&empty, &internet(), &nothing()).unwrap();
    assert_eq!(ledger.load_balancer.id, None);
    assert_eq!(ledger.eip.unwrap().id, None);
    // The EIP's create may have been sent although only the load balancer's answer was mirrored.
    let half = Seen {
        is_late: false,
        ..both()
    };
    let named = words(Some("lb-1"), None);
    assert!(matches!(
        make(&named, &internet(), &half),
        Err(Doubt::TooEarly(_))
    ));
}

#[test]
fn rule_5_4_a_name_alone_is_no_proof_and_a_tag_is() {
    let mut seen = nothing();
    seen.by_name.load_balancers = vec![load_balancer("lb-1", NAME)];
    let empty = words(None, None);
    let name_only = Err(Doubt::NameOnly(vec!["lb-1".into()]));
    assert_eq!(make(&empty, &internet(), &seen), name_only);
    seen.by_name.eips = vec![eip("eip-1", "another", Some("lb-1"))];
    assert_eq!(make(&empty, &internet(), &seen), name_only);
    seen.by_name.eips = vec![eip("eip-1", "ps-uid", Some("lb-1"))];
    let ledger = make(&empty, &internet(), &seen).unwrap();
    assert_eq!(ledger.load_balancer.id.as_deref(), Some("lb-1"));
    assert_eq!(ledger.eip.unwrap().id.as_deref(), Some("eip-1"));
}

#[test]
fn rule_5_3_a_person_says_what_belongs_to_it_in_a_form_that_is_checked() {
    let said = Words::said("lb-1, eip-1", "r").unwrap();
    assert_eq!(
        (said.load_balancer.as_deref(), said.eip.as_deref()),
        (Some("lb-1"), Some("eip-1"))
    );
    assert_eq!(Words::said("none", "r").unwrap().load_balancer, None);
    for wrong in ["", "yes", "lb-1,lb-2", "lb-1;eip-1", "lb-1,"] {
        assert!(Words::said(wrong, "r").is_err(), "{wrong:?}");
    }
    let none = Words::said("none", "cn-hefei").unwrap();
    let early = Seen {
        is_late: false,
        ..nothing()
    };
    assert_eq!(
        make(&none, &internet(), &early).unwrap().load_balancer.id,
        None
    );
}
