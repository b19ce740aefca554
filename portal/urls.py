"""Every page's address. Paths are nouns; what changes something is a POST and its verb comes last."""

from django.urls import path

from portal.views import (
    activity,
    approvals,
    bundles,
    compare,
    deployments,
    evaluations,
    feeds,
    health,
    history,
    holds,
    messages,
    overview,
    packages,
    places,
    projects,
    releases,
    sharing,
    sign_in,
    workers,
)

app_name = "portal"

release = "projects/<slug:slug>/releases/<str:number>/"
place = "projects/<slug:slug>/environments/<slug:environment>/"
shared = "shared/<str:token>/"

# -- signing in, overview, projects and their releases ---------------------------------------------------------------
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("live/", overview.live, name="overview-live"),
    path("sign-in/", sign_in.sign_in, name="sign-in"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("projects/<slug:slug>/", projects.project, name="project"),
    path("projects/<slug:slug>/compare/", compare.compare, name="compare"),
    path("projects/<slug:slug>/releases/create/", releases.create, name="release-create"),
    path("projects/<slug:slug>/sharing/", sharing.settings, name="sharing"),
    path(place, places.place, name="place"),
    path(f"{place}notes.md", places.place_notes, name="place-notes"),
    path(f"{place}feed.atom", places.feed, name="place-feed"),
    path(f"{place}coming/", places.coming, name="coming"),
    path(f"{place}coming/notes.md", places.coming_notes, name="coming-notes"),
    path(release, releases.release, name="release"),
    path(f"{release}request/", releases.request_deployment, name="request"),
    path(f"{release}notes/", releases.notes, name="notes"),
    path(f"{release}run-it-yourself/", bundles.run_it_yourself, name="run-it-yourself"),
    path(f"{release}prevent/", releases.prevent, name="prevent"),
    path(f"{release}allow/", releases.allow, name="allow"),
    path(f"{release}ask-stores/", releases.ask_stores, name="ask-stores"),
]

# -- deployments, approvals, history, packages, activity --------------------------------------------------------------
deployment = "deployments/<int:pk>/"
version = "packages/<str:name>/<str:version>/"

urlpatterns += [
    path("deployments/", deployments.deployments, name="deployments"),
    path(deployment, deployments.deployment, name="deployment"),
    path(f"{deployment}live/", deployments.live, name="deployment-live"),
    path(f"{deployment}log/", deployments.log_lines, name="log"),
    path(f"{deployment}log/raw/", deployments.log_raw, name="log-raw"),
    path(f"{deployment}approval/", approvals.approval, name="approval"),
    path(f"{deployment}approval/withdraw/", approvals.withdraw, name="withdraw"),
    path(f"{deployment}cancel/", deployments.cancel, name="cancel"),
    path(f"{deployment}resolve/", deployments.resolve, name="resolve"),
    path("waiting/", approvals.waiting, name="waiting"),
    path("environments/", history.environments, name="environments"),
    path("environments/<slug:slug>/history/", history.history, name="history"),
    path("holds/", holds.holds, name="holds"),
    path("holds/put/", holds.put, name="put-hold"),
    path("holds/<int:pk>/release/", holds.release, name="release-hold"),
    path("packages/", packages.packages, name="packages"),
    path("packages/<str:name>/", packages.package, name="package"),
    path(version, packages.version, name="version"),
    path(f"{version}attachments/<int:pk>/", packages.attachment, name="attachment"),
    path(f"{version}download/", packages.download, name="download-version"),
    path(f"{version}withdraw/", packages.withdraw, name="withdraw-version"),
    path(f"{version}restore/", packages.restore, name="restore-version"),
    path("feeds/", feeds.feeds, name="feeds"),
    path("feeds/<slug:slug>/", feeds.feed, name="feed"),
    path("feeds/<slug:slug>/ask/", feeds.ask, name="ask-feed"),
    path("evaluations/", evaluations.evaluations, name="evaluations"),
    path("workers/", workers.workers, name="workers"),
    path("workers/live/", workers.live, name="workers-live"),
    path("workers/<int:pk>/drain/", workers.drain, name="drain"),
    path("workers/<int:pk>/resume/", workers.resume, name="resume"),
    path("messages/", messages.messages, name="messages"),
    path("activity/", activity.activity, name="activity"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]

# -- for whoever has the link -----------------------------------------------------------------------------------------
urlpatterns += [
    path(shared, sharing.shared, name="shared"),
    path(f"{shared}<slug:environment>/", sharing.shared_place, name="shared-place"),
    path(f"{shared}<slug:environment>/feed.atom", sharing.shared_feed, name="shared-feed"),
]
