//! Values that several resources share.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wire::{self, text_enum};

text_enum! {
    /// A switch of the API.
    Switch {
        /// Switched on.
        On = "on",
        /// Switched off.
        Off = "off",
    }
}

text_enum! {
    /// How a resource is paid for.
    PayType {
        /// Pay as you go. The only value that creating an ELB or an EIP accepts (ENS help pages).
        PostPaid = "PostPaid",
        /// Subscription; only in answers.
        PrePaid = "PrePaid",
    }
}

/// The answer to a write that returns nothing but its RequestId.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Acknowledged {
    /// The id to give to Alibaba Cloud's support.
    #[serde(default, deserialize_with = "wire::text")]
    pub request_id: Option<String>,
}

/// A tag of a resource.
///
/// EIP tags: key up to 64 characters, value up to 128, 1 to 20 tags (CreateEipInstance).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", from = "RawTag")]
pub struct Tag {
    /// The key.
    pub key: String,
    /// The value, empty when there is none.
    pub value: String,
}

impl Tag {
    /// A tag.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
        }
    }
}

/// Answers carry each tag under both spellings.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawTag {
    #[serde(default, deserialize_with = "wire::text")]
    key: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    value: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    tag_key: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    tag_value: Option<String>,
}

impl From<RawTag> for Tag {
    fn from(raw: RawTag) -> Self {
        Self {
            key: raw.key.or(raw.tag_key).unwrap_or_default(),
            value: raw.value.or(raw.tag_value).unwrap_or_default(),
        }
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// How many rows all pages have together, as of this answer.
    pub total_count: Option<u64>,
    /// The page, from 1.
    pub page_number: Option<u32>,
    /// The rows per page that the cloud used: it may be less than was asked for.
    pub page_size: Option<u32>,
    /// The id to give to Alibaba Cloud's support.
    pub request_id: Option<String>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            total_count: None,
            page_number: None,
            page_size: None,
            request_id: None,
        }
    }
}

impl<T> Page<T> {
    /// A single page with these rows and nothing behind them, as a scripted API gives it.
    pub fn of(items: Vec<T>) -> Self {
        let total_count = u64::try_from(items.len()).ok();
        Self {
            items,
            total_count,
            page_number: Some(1),
            ..Self::default()
        }
    }
}

/// Reads a page whose rows stand under `list`.
///
/// A missing list is an empty page only if the answer says that there are no rows: "nothing there" must never come
/// from an answer that was cut or that is something else.
pub(crate) fn page<T: for<'de> Deserialize<'de>>(
    answer: Value,
    list: &str,
) -> Result<Page<T>, serde_json::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Head {
        #[serde(default, deserialize_with = "wire::scalar")]
        total_count: Option<u64>,
        #[serde(default, deserialize_with = "wire::scalar")]
        page_number: Option<u32>,
        #[serde(default, deserialize_with = "wire::scalar")]
        page_size: Option<u32>,
        #[serde(default, deserialize_with = "wire::text")]
        request_id: Option<String>,
    }
    let items = items(&answer, list)?;
    let head = Head::deserialize(answer)?;
    let items = match (items, head.total_count) {
        (Some(items), _) => items,
        (None, Some(0)) => Vec::new(),
        (None, _) => {
            return Err(serde::de::Error::custom(format_args!(
                "the answer has no \"{list}\""
            )));
        }
    };
    Ok(Page {
        items,
        total_count: head.total_count,
        page_number: head.page_number,
        page_size: head.page_size,
        request_id: head.request_id,
    })
}

/// Reads a list that is not paged; here a missing one is always an error.
pub(crate) fn rows<T: for<'de> Deserialize<'de>>(
    answer: &Value,
    list: &str,
) -> Result<Vec<T>, serde_json::Error> {
    items(answer, list)?
        .ok_or_else(|| serde::de::Error::custom(format_args!("the answer has no \"{list}\"")))
}

fn items<T: for<'de> Deserialize<'de>>(
    answer: &Value,
    list: &str,
) -> Result<Option<Vec<T>>, serde_json::Error> {
    answer.get(list).map_or(Ok(None), wire::optional_list)
}
