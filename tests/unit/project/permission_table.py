"""The expected answer to each role, for every route and method, RPC, and permission rule.

The objects in the routes are the owner's: a tweet by the owner, a follow of a user that the owner
follows. `nobody` has no token, `other` is a signed-in user without a relation to the objects,
`suspended` has a token from before the suspension, `staff` is a superuser. The tests
fail for a route, method, RPC or rule without a row, and for a row without its subject.
"""

ROLES = ("nobody", "owner", "other", "suspended", "staff")

# With a bearer token, which gives staff no extra rights.
API = """
                                                            nobody  owner  other  suspended  staff
GET     /                                                   200     200    200    200        200
GET     /docs                                               200     200    200    200        200
GET     /schema                                             200     200    200    200        200
GET     /health                                             200     200    200    200        200
GET     /ready                                              200     200    200    200        200
GET     /static/<path>                                      404     404    404    404        404

POST    /users/register                                     200     200    200    200        200
POST    /users/login                                        401     200    200    401        200
POST    /users/refresh                                      401     200    200    401        200
POST    /users/logout                                       401     204    204    204        204
GET     /hello                                              401     200    200    401        200

GET     /users/me                                           401     200    200    401        200
PATCH   /users/me                                           401     200    200    401        200
DELETE  /users/me                                           401     204    204    401        204
POST    /users/me/password                                  401     204    204    401        204
GET     /users/<name>                                       200     200    200    401        200
GET     /users/<name>/tweets                                200     200    200    401        200
GET     /users/<name>/followers                             200     200    200    401        200
GET     /users/<name>/following                             200     200    200    401        200

GET     /follow                                             401     200    200    401        200
POST    /follow                                             401     400    200    401        200
DELETE  /follow/<following_id>                              401     204    404    401        404
GET     /following                                          401     200    200    401        200

GET     /tweet                                              401     200    200    401        200
POST    /tweet                                              401     200    200    401        200
GET     /tweet/<tweet_id>                                   200     200    200    401        200
DELETE  /tweet/<tweet_id>                                   401     200    403    401        403
POST    /tweet/<tweet_id>/reply                             401     200    200    401        200
POST    /tweet/<tweet_id>/like                              401     200    200    401        200
DELETE  /tweet/<tweet_id>/like                              401     200    200    401        200
POST    /tweet/<tweet_id>/repost                            401     200    200    401        200
DELETE  /tweet/<tweet_id>/repost                            401     200    200    401        200

GET     /feed                                               401     200    200    401        200
GET     /search                                             401     200    200    401        200
"""

# The same calls while the owner is suspended; the owner has a token from before.
OF_THE_SUSPENDED = """
                                                            nobody  owner  other  suspended  staff
GET     /users/<name>                                       404     401    404    401        404
GET     /users/<name>/tweets                                404     401    404    401        404
GET     /users/<name>/followers                             404     401    404    401        404
GET     /users/<name>/following                             404     401    404    401        404
POST    /follow                                             401     401    404    401        404
GET     /tweet/<tweet_id>                                   404     401    404    401        404
DELETE  /tweet/<tweet_id>                                   401     401    404    401        404
POST    /tweet/<tweet_id>/reply                             401     401    404    401        404
POST    /tweet/<tweet_id>/like                              401     401    404    401        404
DELETE  /tweet/<tweet_id>/like                              401     401    404    401        404
POST    /tweet/<tweet_id>/repost                            401     401    404    401        404
DELETE  /tweet/<tweet_id>/repost                            401     401    404    401        404
"""

# With a session of the admin, which redirects every other user to its log-in (302). The attribute
# `staff_may` of each model's admin decides what staff may do; groups have Django's own admin.
ADMIN = """
                                                            nobody  owner  other  suspended  staff
GET     /admin/                                             302     302    302    302        200
POST    /admin/                                             302     302    302    302        200
GET     /admin/login/                                       200     200    200    200        302
POST    /admin/login/                                       200     200    200    200        200
GET     /admin/logout/                                      302     302    302    302        405
POST    /admin/logout/                                      302     302    302    302        200
GET     /admin/password_change/                             302     302    302    302        200
POST    /admin/password_change/                             302     302    302    302        200
GET     /admin/password_change/done/                        302     302    302    302        200
POST    /admin/password_change/done/                        302     302    302    302        405
GET     /admin/autocomplete/                                302     302    302    302        403
POST    /admin/autocomplete/                                302     302    302    302        405
GET     /admin/jsi18n/                                      302     302    302    302        200
POST    /admin/jsi18n/                                      302     302    302    302        405
GET     /admin/r/<content_type_id>/<object_id>/             302     302    302    302        404
POST    /admin/r/<content_type_id>/<object_id>/             302     302    302    302        404
GET     /admin/auth/group/                                  302     302    302    302        200
POST    /admin/auth/group/                                  302     302    302    302        200
GET     /admin/auth/group/add/                              302     302    302    302        200
POST    /admin/auth/group/add/                              302     302    302    302        200
GET     /admin/auth/group/<object_id>/history/              302     302    302    302        200
POST    /admin/auth/group/<object_id>/history/              302     302    302    302        200
GET     /admin/auth/group/<object_id>/delete/               302     302    302    302        200
POST    /admin/auth/group/<object_id>/delete/               302     302    302    302        302
GET     /admin/auth/group/<object_id>/change/               302     302    302    302        200
POST    /admin/auth/group/<object_id>/change/               302     302    302    302        200
GET     /admin/auth/group/<object_id>/                      302     302    302    302        302
POST    /admin/auth/group/<object_id>/                      302     302    302    302        302
GET     /admin/accounts/user/                               302     302    302    302        200
POST    /admin/accounts/user/                               302     302    302    302        200
GET     /admin/accounts/user/add/                           302     302    302    302        403
POST    /admin/accounts/user/add/                           302     302    302    302        403
GET     /admin/accounts/user/<object_id>/history/           302     302    302    302        200
POST    /admin/accounts/user/<object_id>/history/           302     302    302    302        200
GET     /admin/accounts/user/<object_id>/delete/            302     302    302    302        403
POST    /admin/accounts/user/<object_id>/delete/            302     302    302    302        403
GET     /admin/accounts/user/<object_id>/change/            302     302    302    302        200
POST    /admin/accounts/user/<object_id>/change/            302     302    302    302        302
GET     /admin/accounts/user/<object_id>/                   302     302    302    302        302
POST    /admin/accounts/user/<object_id>/                   302     302    302    302        302
GET     /admin/accounts/follow/                             302     302    302    302        200
POST    /admin/accounts/follow/                             302     302    302    302        200
GET     /admin/accounts/follow/add/                         302     302    302    302        403
POST    /admin/accounts/follow/add/                         302     302    302    302        403
GET     /admin/accounts/follow/<object_id>/history/         302     302    302    302        200
POST    /admin/accounts/follow/<object_id>/history/         302     302    302    302        200
GET     /admin/accounts/follow/<object_id>/delete/          302     302    302    302        403
POST    /admin/accounts/follow/<object_id>/delete/          302     302    302    302        403
GET     /admin/accounts/follow/<object_id>/change/          302     302    302    302        200
POST    /admin/accounts/follow/<object_id>/change/          302     302    302    302        403
GET     /admin/accounts/follow/<object_id>/                 302     302    302    302        302
POST    /admin/accounts/follow/<object_id>/                 302     302    302    302        302
GET     /admin/tweets/tweet/                                302     302    302    302        200
POST    /admin/tweets/tweet/                                302     302    302    302        200
GET     /admin/tweets/tweet/add/                            302     302    302    302        403
POST    /admin/tweets/tweet/add/                            302     302    302    302        403
GET     /admin/tweets/tweet/<object_id>/history/            302     302    302    302        200
POST    /admin/tweets/tweet/<object_id>/history/            302     302    302    302        200
GET     /admin/tweets/tweet/<object_id>/delete/             302     302    302    302        200
POST    /admin/tweets/tweet/<object_id>/delete/             302     302    302    302        302
GET     /admin/tweets/tweet/<object_id>/change/             302     302    302    302        200
POST    /admin/tweets/tweet/<object_id>/change/             302     302    302    302        403
GET     /admin/tweets/tweet/<object_id>/                    302     302    302    302        302
POST    /admin/tweets/tweet/<object_id>/                    302     302    302    302        302
GET     /admin/tweets/like/                                 302     302    302    302        200
POST    /admin/tweets/like/                                 302     302    302    302        200
GET     /admin/tweets/like/add/                             302     302    302    302        403
POST    /admin/tweets/like/add/                             302     302    302    302        403
GET     /admin/tweets/like/<object_id>/history/             302     302    302    302        200
POST    /admin/tweets/like/<object_id>/history/             302     302    302    302        200
GET     /admin/tweets/like/<object_id>/delete/              302     302    302    302        403
POST    /admin/tweets/like/<object_id>/delete/              302     302    302    302        403
GET     /admin/tweets/like/<object_id>/change/              302     302    302    302        200
POST    /admin/tweets/like/<object_id>/change/              302     302    302    302        403
GET     /admin/tweets/like/<object_id>/                     302     302    302    302        302
POST    /admin/tweets/like/<object_id>/                     302     302    302    302        302
GET     /admin/messaging/outboxevent/                       302     302    302    302        200
POST    /admin/messaging/outboxevent/                       302     302    302    302        200
GET     /admin/messaging/outboxevent/add/                   302     302    302    302        403
POST    /admin/messaging/outboxevent/add/                   302     302    302    302        403
GET     /admin/messaging/outboxevent/<object_id>/history/   302     302    302    302        200
POST    /admin/messaging/outboxevent/<object_id>/history/   302     302    302    302        200
GET     /admin/messaging/outboxevent/<object_id>/delete/    302     302    302    302        403
POST    /admin/messaging/outboxevent/<object_id>/delete/    302     302    302    302        403
GET     /admin/messaging/outboxevent/<object_id>/change/    302     302    302    302        200
POST    /admin/messaging/outboxevent/<object_id>/change/    302     302    302    302        403
GET     /admin/messaging/outboxevent/<object_id>/           302     302    302    302        302
POST    /admin/messaging/outboxevent/<object_id>/           302     302    302    302        302
GET     /admin/<app_label>/                                 302     302    302    302        200
POST    /admin/<app_label>/                                 302     302    302    302        200
GET     /admin/<url>                                        302     302    302    302        404
POST    /admin/<url>                                        302     302    302    302        404
"""

# The callers are services. `nobody` is a caller without a token; the other roles are the users in
# the request (as user, viewer or author). Services hide nothing from each other, but lists of users
# exclude the suspended. `found` and `none` say whether the response has content.
RPC = """
                                    nobody           owner  other  suspended  staff
user_service.User/GetUser           UNAUTHENTICATED  found  found  none       found
user_service.User/GetUsers          UNAUTHENTICATED  found  found  none       found
user_service.User/IncrementTweets   UNAUTHENTICATED  found  found  found      found
user_service.User/GetRelations      UNAUTHENTICATED  found  found  found      found
user_service.User/FindDeleted       UNAUTHENTICATED  none   none   none       none
user_service.User/FindHidden        UNAUTHENTICATED  found  found  found      found
user_service.User/RemoveFollows     UNAUTHENTICATED  none   none   none       none
user_service.User/GetFollowers      UNAUTHENTICATED  none   none   none       none
user_service.User/GetFollowing      UNAUTHENTICATED  found  none   none       none
user_service.User/GetFollowerIds    UNAUTHENTICATED  none   none   none       none
tweet_service.Tweet/GetTweets       UNAUTHENTICATED  found  found  found      found
tweet_service.Tweet/GetAuthorTweets UNAUTHENTICATED  found  none   none       none
tweet_service.Tweet/ListTweets      UNAUTHENTICATED  found  found  found      found
"""

# Each rule's answer to facts: `allowed`, or the code of its error.
RULES = """
accounts.log_in              account=active                           allowed
accounts.log_in              account=suspended                        not_authenticated
accounts.use_account         account=active                           allowed
accounts.use_account         account=suspended                        not_authenticated
accounts.use_account         account=none                             not_authenticated
accounts.edit_profile        account=active by_staff=no               allowed
accounts.edit_profile        account=active by_staff=yes              allowed
accounts.edit_profile        account=suspended by_staff=no            not_authenticated
accounts.edit_profile        account=suspended by_staff=yes           allowed
accounts.edit_profile        account=none by_staff=yes                not_authenticated
accounts.confirm             password_is_right=yes                    allowed
accounts.confirm             password_is_right=no                     forbidden

accounts.follow_another      follower_id=1 following_id=2             allowed
accounts.follow_another      follower_id=1 following_id=1             bad_request
accounts.follow              follower=active following=active         allowed
accounts.follow              follower=active following=suspended      not_found
accounts.follow              follower=active following=none           not_found
accounts.follow              follower=suspended following=active      not_authenticated
accounts.follow              follower=none following=active           not_authenticated
accounts.follow_one_more     num_following=2 limit=3                  allowed
accounts.follow_one_more     num_following=3 limit=3                  invalid

accounts.grant_privileges    by_superuser=yes                         allowed
accounts.grant_privileges    by_superuser=no                          forbidden
accounts.manage              by_superuser=yes of_staff=yes            allowed
accounts.manage              by_superuser=no of_staff=no              allowed
accounts.manage              by_superuser=no of_staff=yes             forbidden

tweets.delete_tweet          user_id=1 author_id=1                    allowed
tweets.delete_tweet          user_id=2 author_id=1                    forbidden
"""
