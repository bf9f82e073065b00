//! The rooms of lists: of a hundred and more, told in part, or told in a way that nobody understands.

use super::*;

#[tokio::test]
async fn a_list_of_exactly_a_hundred_is_completed() {
    let upstream = Upstream::start(|_, request| {
        if asks(request, "GetRoomLists") {
            lists(&["short", "long", "gone"])
        } else if request.body.contains("gone@example.com") {
            no_results("GetRooms")
        } else if asks(request, "ExpandDL") {
            members(130)
        } else if request.body.contains("long@example.com") {
            rooms(100)
        } else {
            rooms(99)
        }
    })
    .await;
    let stock = endpoint(&upstream).rooms().await.unwrap();
    let told: Vec<_> = stock
        .lists
        .iter()
        .map(|list| (list.listed.address.as_str(), list.rooms.len()))
        .collect();
    assert_eq!(told, [("short@example.com", 99), ("long@example.com", 130)]);
    let expanded = upstream.requests();
    let expanded = expanded.iter().filter(|one| asks(one, "ExpandDL")).count();
    assert_eq!(expanded, 1);
    let first = &stock.lists[0].rooms[0];
    assert_eq!(
        (first.address.as_str(), &*first.name),
        ("room000@example.com", "room000")
    );
}

type Expand = Box<dyn Fn() -> Reply + Send + Sync>;

#[tokio::test]
async fn a_list_that_cannot_be_expanded_keeps_its_hundred() {
    let refused_with = |code: &'static str| move || refused("ExpandDL", code);
    let legacy = "<t:Mailbox><t:Name>Old</t:Name><t:EmailAddress>/o=Org/cn=Old</t:EmailAddress>\
                  <t:RoutingType>EX</t:RoutingType></t:Mailbox>";
    // What ExpandDL says, how many rooms are known then, and whether there may be more.
    let rows: [(&str, Expand, usize, bool); 6] = [
        ("whole", Box::new(|| members(130)), 130, false),
        (
            "a part",
            Box::new(|| members_and(120, "", false)),
            120,
            true,
        ),
        (
            "no address",
            Box::new(move || members_and(120, legacy, true)),
            120,
            true,
        ),
        (
            "no list",
            Box::new(refused_with("ErrorNameResolutionNoResults")),
            100,
            true,
        ),
        (
            "refused",
            Box::new(refused_with("ErrorAccessDenied")),
            100,
            true,
        ),
        (
            "no sense",
            Box::new(|| soap("<m:ExpandDLResponse/>")),
            100,
            true,
        ),
    ];
    for (row, expand, count, has_more) in rows {
        let upstream = Upstream::start(move |_, request| {
            if asks(request, "GetRoomLists") {
                lists(&["long"])
            } else if asks(request, "ExpandDL") {
                expand()
            } else {
                rooms(100)
            }
        })
        .await;
        let stock = endpoint(&upstream).rooms().await.unwrap();
        assert_eq!(stock.lists[0].rooms.len(), count, "{row}");
        assert_eq!(!stock.untold.is_empty(), has_more, "{row}");
    }
}

#[tokio::test]
async fn rooms_without_an_address_are_missed() {
    let legacy = "<t:Room><t:Id><t:Name>Old</t:Name><t:EmailAddress>/o=Org/cn=Old</t:EmailAddress></t:Id></t:Room>";
    for (others, has_more) in [("", false), (legacy, true)] {
        let upstream = Upstream::start(move |_, request| {
            if asks(request, "GetRoomLists") {
                return lists(&["short"]);
            }
            soap(&format!(
                "<m:GetRoomsResponse ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode><m:Rooms>\
                 <t:Room>{}</t:Room>{others}</m:Rooms></m:GetRoomsResponse>",
                mailbox("Id", "room000", "Mailbox")
            ))
        })
        .await;
        let stock = endpoint(&upstream).rooms().await.unwrap();
        assert_eq!(stock.lists[0].rooms.len(), 1);
        assert_eq!(!stock.untold.is_empty(), has_more, "{others}");
    }
}

#[tokio::test]
async fn a_list_that_nobody_understands_costs_no_other() {
    let upstream = Upstream::start(|_, request| {
        if asks(request, "GetRoomLists") {
            lists(&["odd", "short"])
        } else if request.body.contains("odd@example.com") {
            soap("<m:GetRoomsResponse ResponseClass=\"Success\"/>")
        } else {
            rooms(3)
        }
    })
    .await;
    let stock = endpoint(&upstream).rooms().await.unwrap();
    let told = stock.lists.iter().map(|list| list.listed.address.as_str());
    assert_eq!(told.collect::<Vec<_>>(), ["short@example.com"]);
    let untold = stock.untold.iter().map(SmtpAddress::as_str);
    assert_eq!(untold.collect::<Vec<_>>(), ["odd@example.com"]);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_now_costs_no_other() {
    for code in [
        "ErrorInternalServerError",
        "ErrorInternalServerTransientError",
        "ErrorTimeoutExpired",
    ] {
        let upstream = Upstream::start(move |_, request| {
            if asks(request, "GetRoomLists") {
                lists(&["late", "short"])
            } else if request.body.contains("late@example.com") {
                refused("GetRooms", code)
            } else {
                rooms(3)
            }
        })
        .await;
        let stock = endpoint(&upstream).rooms().await.unwrap();
        let told = stock.lists.iter().map(|list| list.listed.address.as_str());
        assert_eq!(told.collect::<Vec<_>>(), ["short@example.com"], "{code}");
        let later = stock.later.iter().map(SmtpAddress::as_str);
        assert_eq!(later.collect::<Vec<_>>(), ["late@example.com"], "{code}");
        assert!(stock.untold.is_empty(), "{code}");
    }
}
