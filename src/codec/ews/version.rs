//! The schema level that a request speaks.

/// `RequestServerVersion`, in the order of the schema's enumeration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestVersion(usize);

const VERSIONS: [&str; 19] = [
    "Exchange2007",
    "Exchange2007_SP1",
    "Exchange2009",
    "Exchange2010",
    "Exchange2010_SP1",
    "Exchange2010_SP2",
    "Exchange2012",
    "Exchange2013",
    "Exchange2013_SP1",
    "Exchange2015",
    "Exchange2016",
    "V2015_10_05",
    "V2016_01_06",
    "V2016_04_13",
    "V2016_07_13",
    "V2016_10_10",
    "V2017_01_07",
    "V2017_04_14",
    "V2017_07_11",
];

impl RequestVersion {
    /// A request that names no version is at the level of 2007.
    pub const OLDEST: Self = Self(0);

    pub fn parse(text: &str) -> Option<Self> {
        VERSIONS
            .iter()
            .position(|version| *version == text)
            .map(Self)
    }

    pub fn as_str(self) -> &'static str {
        VERSIONS.get(self.0).copied().unwrap_or(VERSIONS[0])
    }

    /// `WorkingElsewhere` exists from Exchange 2013 on; older callers are told Free.
    pub fn knows_working_elsewhere(self) -> bool {
        self.0 >= 7
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_requests() {
        assert!(
            RequestVersion::parse("Exchange2013")
                .unwrap()
                .knows_working_elsewhere()
        );
        assert!(
            !RequestVersion::parse("Exchange2010_SP2")
                .unwrap()
                .knows_working_elsewhere()
        );
        for text in [
            "V2018_01_08",
            "Exchange2099",
            "Exchange2015_SP1",
            "exchange2013",
            "",
        ] {
            assert_eq!(RequestVersion::parse(text), None, "{text}");
        }
    }
}
