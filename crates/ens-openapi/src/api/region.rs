//! Edge sites and the carriers that they sell.

use serde::{Deserialize, Serialize};

use super::eip::Isp;
use super::request::request;
use super::types::rows;
use super::wire;

/// `DescribeEnsRegions`: the edge sites.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: none published.
/// * Source: ENS API reference, `DescribeEnsRegions`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeEnsRegions {
    /// Only this one; all active ones when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ens_region_id: Option<String>,
}

/// An edge site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EnsRegion {
    /// The id, such as `cn-chengdu-telecom`.
    #[serde(deserialize_with = "wire::required")]
    pub ens_region_id: String,
    /// The name, in Chinese.
    #[serde(default, deserialize_with = "wire::text")]
    pub name: Option<String>,
    /// The name, in English.
    #[serde(default, deserialize_with = "wire::text")]
    pub en_name: Option<String>,
    /// The part of the country.
    #[serde(default, deserialize_with = "wire::text")]
    pub area: Option<String>,
    /// The province.
    #[serde(default, deserialize_with = "wire::text")]
    pub province: Option<String>,
}

request!(
    DescribeEnsRegions,
    "DescribeEnsRegions",
    Vec<EnsRegion>,
    |answer| rows(&answer, "EnsRegions")
);

/// `DescribeRegionIsps`: the carriers that an edge site sells.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: none published.
/// * Source: ENS API reference, `DescribeRegionIsps`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeRegionIsps {
    /// The edge site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ens_region_id: Option<String>,
}

/// A carrier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RegionIsp {
    /// The code, as [`CreateEipInstance`](super::eip::CreateEipInstance::isp) takes it.
    #[serde(default)]
    pub code: Isp,
    /// The name.
    #[serde(default, deserialize_with = "wire::text")]
    pub name: Option<String>,
}

request!(
    DescribeRegionIsps,
    "DescribeRegionIsps",
    Vec<RegionIsp>,
    |answer| rows(&answer, "Isps")
);
