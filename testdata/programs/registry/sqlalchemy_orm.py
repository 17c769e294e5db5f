"""SQLAlchemy: mapped classes in an in-memory sqlite, a session in the middle of its work, compiled queries and results."""
import truth

import sqlalchemy
from sqlalchemy import Column, DateTime, ForeignKey, Integer, String, Table, create_engine, event, func, select
from sqlalchemy.orm import declarative_base, joinedload, relationship, selectinload, sessionmaker

Base = declarative_base()
keep = {"flushes": 0}

tagged = Table("tagged", Base.metadata, Column("post", ForeignKey("post.id")), Column("tag", ForeignKey("tag.id")))


class Account(Base):
    __tablename__ = "account"
    id = Column(Integer, primary_key=True)
    name = Column(String(50), unique=True)
    kind = Column(String(20))
    posts = relationship("Post", back_populates="account", cascade="all, delete-orphan")
    __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "plain"}


class Admin(Account):
    rights = Column(String(20))
    __mapper_args__ = {"polymorphic_identity": "admin"}


class Post(Base):
    __tablename__ = "post"
    id = Column(Integer, primary_key=True)
    text = Column(String)
    written = Column(DateTime, server_default=func.now())
    account_id = Column(ForeignKey("account.id"))
    account = relationship(Account, back_populates="posts")
    tags = relationship("Tag", secondary=tagged, backref="posts")


class Tag(Base):
    __tablename__ = "tag"
    id = Column(Integer, primary_key=True)
    word = Column(String(20))


engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
Session = sessionmaker(bind=engine)


@event.listens_for(Session, "after_flush")
def flushed(session, context):
    keep["flushes"] += 1


session = Session()
tags = [Tag(word="tag %d" % i) for i in range(20)]
for i in range(100):
    make = Admin if i % 10 == 0 else Account
    session.add(make(name="account %d" % i, posts=[Post(text="text %d" % j, tags=tags[j:j + 3]) for j in range(i % 7)]))
session.commit()

keep["joined"] = session.execute(select(Account).options(joinedload(Account.posts).joinedload(Post.tags))).unique().scalars().all()
keep["selected"] = session.query(Account).options(selectinload(Account.posts)).filter(Account.name.like("%1%")).all()
keep["counted"] = session.execute(select(Account.kind, func.count(Post.id)).join(Post, isouter=True).group_by(Account.kind)).all()
keep["open result"] = session.execute(select(Post.id, Post.text).order_by(Post.id))
keep["first rows"] = keep["open result"].fetchmany(10)
other = Session()
keep["expired"] = other.query(Admin).all()
other.commit()
keep["joined"][0].name = "changed, not flushed"
session.add(Account(name="pending"))
session.delete(keep["joined"][1])
with engine.connect() as connection:
    keep["core"] = connection.execute(sqlalchemy.text("select name from account where id < :most"), {"most": 30}).fetchall()
try:
    other.add(Account(name="account 3"))
    other.flush()
except sqlalchemy.exc.IntegrityError as error:
    keep["error"] = error
    other.rollback()
assert len(keep["joined"]) == 100 and keep["flushes"] and keep["error"]

truth.hold()
