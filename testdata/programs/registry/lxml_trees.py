"""lxml: documents, elements held and let go, XPath, XSLT, schemas, event parsers and builders."""
import io

import truth

from lxml import etree, html, objectify
from lxml.builder import E

keep = {}
TEXT = ("<root xmlns:n='urn:n'>" + "".join("<n:item id='%d'>text %d<b>bold</b>tail</n:item>" % (i, i) for i in range(200)) + "</root>").encode()

tree = etree.parse(io.BytesIO(TEXT))
root = tree.getroot()
keep["held"] = [tree, root, root[5], root[5][0], list(root)[10:50], root[5].attrib, root.nsmap, root[3].getparent(), tree.docinfo]
keep["iterating"] = [root.iter(), root.iterchildren(), root[5].iterancestors(), root.itertext(), root.iter("{urn:n}item"), iter(root), etree.iterwalk(root)]
for each in keep["iterating"]:
    next(each)
keep["paths"] = [etree.XPath("//n:item[@id > $least]", namespaces={"n": "urn:n"}), etree.ETXPath("//{urn:n}item"), etree.XPathEvaluator(tree),
                 root.xpath("//b/text()"), root.xpath("//n:item/@id", namespaces={"n": "urn:n"})]
keep["found"] = keep["paths"][0](root, least=150)
keep["xslt"] = etree.XSLT(etree.XML("""<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:param name="who"/><xsl:template match="/"><out who="{$who}"><xsl:value-of select="count(//*)"/></out></xsl:template></xsl:stylesheet>"""))
keep["transformed"] = keep["xslt"](tree, who="'me'")
keep["schemas"] = [etree.DTD(io.StringIO("<!ELEMENT a (b*)><!ELEMENT b EMPTY>")),
                   etree.XMLSchema(etree.XML("""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a" type="xs:int"/></xs:schema>""")),
                   etree.RelaxNG(etree.XML("""<element name="a" xmlns="http://relaxng.org/ns/structure/1.0"><text/></element>"""))]
keep["judged"] = [each.validate(etree.XML("<a>no</a>")) for each in keep["schemas"]], [each.error_log for each in keep["schemas"]]


class Target(object):
    def __init__(self):
        self.events = []

    def start(self, tag, attributes):
        self.events.append((tag, dict(attributes)))

    def close(self):
        return self.events


class Special(etree.ElementBase):
    def own(self):
        return self.tag


lookup = etree.ElementNamespaceClassLookup()
lookup.get_namespace("urn:n")["item"] = Special
parser = etree.XMLParser(remove_blank_text=True)
parser.set_element_class_lookup(lookup)
keep["special"] = list(etree.fromstring(TEXT, parser))[:20]
keep["targeted"] = etree.fromstring(TEXT, etree.XMLParser(target=Target()))
keep["parsers"] = [parser, etree.XMLParser(target=Target()), etree.HTMLParser(), etree.XMLPullParser(["start", "end"])]
keep["parsers"][3].feed(TEXT[:2000])
keep["pulled"] = keep["parsers"][3].read_events(), etree.iterparse(io.BytesIO(TEXT), events=("start", "end"))
next(keep["pulled"][1])
keep["html"] = html.fromstring("<p class='a b'>one<a href='/x'>two</a><br>three"), html.fromstring("<form><input name=a value=1></form>").forms
keep["object"] = objectify.fromstring("<a><b>1</b><b>2.5</b><c>text</c><d>true</d></a>")
keep["object parts"] = keep["object"].b, keep["object"].c, keep["object"].d, objectify.DataElement(5)
keep["built"] = E.page(E.head(E.title("t")), E.body(*[E.p(str(i), id=str(i)) for i in range(20)]), etree.Comment("c"), etree.ProcessingInstruction("a", "b"), etree.CDATA("c").__class__.__name__)
keep["names"] = etree.QName("urn:n", "item"), etree.FunctionNamespace("urn:f"), etree.Entity("amp")
try:
    etree.fromstring(b"<a><b></a>")
except etree.XMLSyntaxError as error:
    keep["error"] = error
assert len(keep["found"]) == 49

truth.hold()
