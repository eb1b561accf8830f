"""What requests are answered with: the rooms below the web, put together once for each gateway process."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from functools import cached_property

from flask import current_app

from landbridge_gateway.depot.handed import Intake
from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.depot.quota import Quota
from landbridge_gateway.depot.stamps import UNSURE
from landbridge_gateway.depot.uploads import Uploads
from landbridge_gateway.depot.way_digests import WayDigests
from landbridge_gateway.errors import StoreGone
from landbridge_gateway.exposure import names_of
from landbridge_gateway.filesystems import check_one_device
from landbridge_gateway.home import Home
from landbridge_gateway.keeping.removing import clear
from landbridge_gateway.scheduler.collect import Collector
from landbridge_gateway.scheduler.given import GivenSecrets
from landbridge_gateway.scheduler.hub import Hub
from landbridge_gateway.scheduler.loop import Scheduler
from landbridge_gateway.scheduler.settling import Settling
from landbridge_gateway.schemas import Schemas
from landbridge_gateway.settings import Settings
from landbridge_gateway.store.accepts import Accepts
from landbridge_gateway.store.database import Database
from landbridge_gateway.store.environments import Environments
from landbridge_gateway.store.jobs import Jobs
from landbridge_gateway.store.objects import Objects
from landbridge_gateway.store.queue import Bounds, Door
from landbridge_gateway.store.records import Records
from landbridge_gateway.store.removals import Removals
from landbridge_gateway.store.secrets import Secrets
from landbridge_gateway.store.sweeps import Sweeps
from landbridge_gateway.store.tokens import Tokens
from landbridge_gateway.web.attempts import Attempts
from landbridge_gateway.web.pace import Pace
from landbridge_gateway.web.told import Told

log = logging.getLogger(__name__)

REFUSALS_EACH_SECOND = 50.0  # of submissions to a full queue


@dataclass
class Services:
    settings: Settings
    home: Home
    layout: Layout
    schemas: Schemas
    database: Database
    jobs: Jobs
    accepts: Accepts
    sweeps: Sweeps
    environments: Environments
    objects: Objects
    records: Records
    tokens: Tokens
    attempts: Attempts
    secrets: Secrets
    given: GivenSecrets
    collector: Collector
    settling: Settling
    hub: Hub
    told: Told
    scheduler: Scheduler
    intake: Intake
    uploads: Uploads
    way_digests: WayDigests
    quota: Quota
    door: Door
    refusals: Pace
    keeping: threading.Lock  # held by who makes a snapshot, and by who removes
    signing_key: bytes = field(repr=False)

    @classmethod
    def open(cls, settings: Settings, schemas: Schemas) -> Services:
        """Open the home's database and depot. Nothing runs yet."""
        home = Home(settings.home)
        home.prepare()
        layout = Layout(home.depot)
        if not home.database.exists() and layout.has_jobs():
            raise StoreGone(home.database)
        layout.prepare()
        check_one_device([layout.jobs, layout.objects, layout.intake])
        intake = Intake(layout)
        intake.open()
        hub = Hub(settings.waiting)
        database = Database(home.database, hub.notify)
        jobs, tokens, objects = Jobs(database), Tokens(database), Objects(database)
        tokens.ensure_owner(home.token())
        if home.machine_restarted() and not home.all_on_disk():
            objects.doubt_handed(UNSURE)
        home.begin_service()
        clear(Removals(database), layout)
        given = GivenSecrets(secrets := Secrets(database, home.secrets_key), layout)
        collector = Collector(database, layout, schemas, given)
        return cls(
            settings=settings,
            home=home,
            layout=layout,
            schemas=schemas,
            database=database,
            jobs=jobs,
            accepts=Accepts(database, jobs),
            sweeps=Sweeps(database, jobs),
            environments=Environments(database),
            objects=objects,
            records=Records(database),
            tokens=tokens,
            attempts=Attempts(),
            secrets=secrets,
            given=given,
            collector=collector,
            settling=Settling(objects, layout, collector.digest_soon),
            hub=hub,
            told=Told(),
            scheduler=Scheduler(
                database,
                layout,
                collector,
                given,
                hub,
                settings.running,
                machine_restarted=home.machine_restarted(),
                taken_up=home.note_boot,
            ),
            intake=intake,
            uploads=Uploads(layout, settings.uploads),
            way_digests=WayDigests(layout),
            quota=Quota(settings.quota, objects.uploaded),
            door=Door(database, Bounds(settings.max_queued, settings.max_queued_each)),
            refusals=Pace(REFUSALS_EACH_SECOND),
            keeping=threading.Lock(),
            signing_key=home.signing_key(),
        )

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of this machine by which it may be called."""
        return names_of(self.settings)

    @property
    def images(self) -> frozenset[str]:
        """The digests of images that tasks may name."""
        return frozenset(self.settings.images.replace(",", " ").split())

    def close(self) -> None:
        self.hub.close()
        self.scheduler.close()
        self.way_digests.close()
        self.settling.close()
        try:
            self.collector.close()
        except StoreGone as gone:
            log.error("%s What was handed over last is not noted as being on the disk.", gone.message)
            return
        finally:
            self.database.close()
        self.home.note_on_disk()


def services() -> Services:
    """The services of the app that answers the current request."""
    found: Services = current_app.extensions["landbridge"]
    return found
