//! Tags of computing instances: the only resource type that TagResources documents.

use serde_json::{Value, json};

use super::super::error::ApiError;
use super::super::params::{Args, Kind, Param, opt, req};
use super::super::resource::Instance;
use super::super::scope::Scope;
use super::Action;

/// Tags that one instance may have (TagResources takes 1 to 20; no other number is published).
const MOST_TAGS: usize = 20;
const TYPE: Param = req("ResourceType", Kind::OneOf(&["instance"]));
const TAGS: Kind = Kind::Objects(MOST_TAGS, &["Key", "Value"]);

pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "TagResources",
        get_only: false,
        per_second: None,
        params: &[req("ResourceId", Kind::List(50)), TYPE, req("Tag", TAGS)],
        run: tag,
    },
    Action {
        name: "UntagResources",
        get_only: false,
        per_second: None,
        params: &[
            opt("All", Kind::Bool),
            req("ResourceId", Kind::List(50)),
            TYPE,
            opt("TagKey", Kind::List(MOST_TAGS)),
        ],
        run: untag,
    },
    Action {
        name: "ListTagResources",
        get_only: false,
        per_second: None,
        params: &[
            opt("NextToken", Kind::Text),
            opt("ResourceId", Kind::List(50)),
            TYPE,
            opt("Tag", TAGS),
        ],
        run: list,
    },
];

fn tag(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let tags = args.tags("Tag")?;
    for instance in named(scope, args)? {
        let more = tags.keys().filter(|key| !instance.tags.contains_key(*key));
        if instance.tags.len() + more.count() > MOST_TAGS {
            let why = format!("{} would have more than {MOST_TAGS} tags", instance.id);
            return Err(ApiError::invalid("Tag", why));
        }
    }
    change(scope, args, |instance| {
        instance
            .tags
            .extend(tags.iter().map(|(key, value)| (key.clone(), value.clone())));
    });
    Ok(json!({}))
}

fn untag(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    named(scope, args)?;
    let keys = args.list("TagKey");
    let all = keys.is_empty() && args.flag("All") == Some(true);
    change(scope, args, |instance| {
        instance
            .tags
            .retain(|key, _| !all && !keys.contains(&key.as_str()));
    });
    Ok(json!({}))
}

/// Everything in one answer: no page size is published, so NextToken is always empty.
fn list(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let (ids, wanted) = (args.list("ResourceId"), args.tags("Tag")?);
    if ids.is_empty() && wanted.is_empty() {
        let message = "ResourceId or Tag has to be given.";
        return Err(ApiError::new(
            400,
            "MissingParameter.ResourceIdsOrTags",
            message,
        ));
    }
    if let Some(token) = args.text("NextToken") {
        return Err(ApiError::invalid(
            "NextToken",
            format!("no answer gave out {token}"),
        ));
    }
    let rows: Vec<Value> = scope
        .state
        .instances
        .values()
        .filter(|instance| ids.is_empty() || ids.contains(&instance.id.as_str()))
        .filter(|instance| {
            wanted
                .iter()
                .all(|(key, value)| instance.tags.get(key) == Some(value))
        })
        .flat_map(|instance| {
            instance.tags.iter().map(|(key, value)| {
                json!({
                    "ResourceId": instance.id,
                    "ResourceType": "instance",
                    "TagKey": key,
                    "TagValue": value,
                })
            })
        })
        .collect();
    Ok(json!({ "NextToken": "", "TagResources": rows }))
}

/// The instances that a call names; all of them have to be there.
fn named<'s>(scope: &'s Scope<'_>, args: &Args<'_>) -> Result<Vec<&'s Instance>, ApiError> {
    args.list("ResourceId")
        .into_iter()
        .map(|id| {
            let found = scope.state.instances.get(id);
            found.ok_or_else(|| ApiError::instance_not_found(id))
        })
        .collect()
}

/// Changes the instances that a call names. They are a person's.
fn change(scope: &mut Scope<'_>, args: &Args<'_>, mut change: impl FnMut(&mut Instance)) {
    for id in args.list("ResourceId") {
        if let Some(instance) = scope.state.instances.get_mut(id) {
            change(instance);
            scope
                .journal
                .touched(id, scope.action, scope.request_id, scope.now);
        }
    }
}
