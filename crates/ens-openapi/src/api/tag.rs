//! Tags of computing instances. ELBs have no tags; those of an EIP are set at its creation.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::request::request;
use super::types::{Acknowledged, Tag, rows};
use super::wire;

/// The only kind of resource that the tag actions document.
pub const INSTANCE: &str = "instance";

/// `TagResources`: sets tags.
///
/// * Repeat: yes, it sets values.
/// * Done: whether with the answer is not documented: read it.
/// * Rate: none published.
/// * Source: ENS API reference, `TagResources`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct TagResources {
    /// Kind of the resources: [`INSTANCE`].
    pub resource_type: String,
    /// Ids, at most 50.
    #[serde(rename = "ResourceId")]
    pub resource_ids: Vec<String>,
    /// Tags, 1 to 20.
    #[serde(rename = "Tag")]
    pub tags: Vec<Tag>,
}

impl TagResources {
    /// Gives these instances these tags.
    pub fn instances(instance_ids: Vec<String>, tags: Vec<Tag>) -> Self {
        Self {
            resource_type: INSTANCE.to_owned(),
            resource_ids: instance_ids,
            tags,
        }
    }
}

request!(TagResources, "TagResources", Acknowledged);

/// `UntagResources`: removes tags.
///
/// * Repeat: yes, what is not there stays away.
/// * Done: whether with the answer is not documented: read it.
/// * Rate: none published.
/// * Source: ENS API reference, `UntagResources`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct UntagResources {
    /// Kind of the resources: [`INSTANCE`].
    pub resource_type: String,
    /// Ids, at most 50.
    #[serde(rename = "ResourceId")]
    pub resource_ids: Vec<String>,
    /// Keys of the tags, 1 to 20.
    #[serde(rename = "TagKey", skip_serializing_if = "Vec::is_empty")]
    pub tag_keys: Vec<String>,
    /// Every tag, when no key is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all: Option<bool>,
}

impl UntagResources {
    /// Takes the tags with these keys from these instances.
    pub fn instances(instance_ids: Vec<String>, tag_keys: Vec<String>) -> Self {
        Self {
            resource_type: INSTANCE.to_owned(),
            resource_ids: instance_ids,
            tag_keys,
            all: None,
        }
    }
}

request!(UntagResources, "UntagResources", Acknowledged);

/// `ListTagResources`: the tags of resources. The API wants ids, tags or both.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: none published.
/// * Source: ENS API reference, `ListTagResources`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ListTagResources {
    /// Kind of the resources: [`INSTANCE`].
    pub resource_type: String,
    /// Ids, at most 50.
    #[serde(rename = "ResourceId", skip_serializing_if = "Vec::is_empty")]
    pub resource_ids: Vec<String>,
    /// Tags, at most 20.
    #[serde(rename = "Tag", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// Where to go on, from the last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

impl ListTagResources {
    /// The tags of these instances.
    pub fn of_instances(instance_ids: Vec<String>) -> Self {
        Self {
            resource_type: INSTANCE.to_owned(),
            resource_ids: instance_ids,
            tags: Vec::new(),
            next_token: None,
        }
    }

    /// The instances with all of these tags.
    pub fn with_tags(tags: Vec<Tag>) -> Self {
        Self {
            resource_type: INSTANCE.to_owned(),
            resource_ids: Vec::new(),
            tags,
            next_token: None,
        }
    }
}

/// A tag on a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResource {
    /// The resource.
    #[serde(deserialize_with = "wire::required")]
    pub resource_id: String,
    /// Its kind.
    #[serde(default, deserialize_with = "wire::text")]
    pub resource_type: Option<String>,
    /// The key.
    #[serde(default, deserialize_with = "wire::text")]
    pub tag_key: Option<String>,
    /// The value.
    #[serde(default, deserialize_with = "wire::text")]
    pub tag_value: Option<String>,
}

/// One part of the tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagResourcePage {
    /// The tags.
    pub items: Vec<TagResource>,
    /// Where to go on; absent at the end.
    pub next_token: Option<String>,
}

request!(
    ListTagResources,
    "ListTagResources",
    TagResourcePage,
    |answer| tag_page(&answer)
);

fn tag_page(answer: &Value) -> Result<TagResourcePage, serde_json::Error> {
    let next_token = answer
        .get("NextToken")
        .and_then(Value::as_str)
        .filter(|token| !token.is_empty());
    Ok(TagResourcePage {
        items: rows(answer, "TagResources")?,
        next_token: next_token.map(str::to_owned),
    })
}
