"""A minimal CII invoice, valid for its XSD, and the few facts a portal reads in one."""

import re
from datetime import date
from decimal import Decimal

from tests.support.memory_ledger import DepositedFacts
from worker.billing.money import Money

SELLER = "33254021516357"
_UNECE = "urn:un:unece:uncefact:data:standard"
_CII = f"""<?xml version="1.0" encoding="UTF-8"?>
<rsm:CrossIndustryInvoice xmlns:rsm="{_UNECE}:CrossIndustryInvoice:100"
    xmlns:ram="{_UNECE}:ReusableAggregateBusinessInformationEntity:100"
    xmlns:udt="{_UNECE}:UnqualifiedDataType:100">
  <rsm:ExchangedDocumentContext>
    <ram:BusinessProcessSpecifiedDocumentContextParameter>
      <ram:ID>A1</ram:ID>
    </ram:BusinessProcessSpecifiedDocumentContextParameter>
    <ram:GuidelineSpecifiedDocumentContextParameter>
      <ram:ID>urn:cen.eu:en16931:2017</ram:ID>
    </ram:GuidelineSpecifiedDocumentContextParameter>
  </rsm:ExchangedDocumentContext>
  <rsm:ExchangedDocument>
    <ram:ID>NUMBER</ram:ID>
    <ram:TypeCode>380</ram:TypeCode>
    <ram:IssueDateTime>
      <udt:DateTimeString format="102">ISSUED</udt:DateTimeString>
    </ram:IssueDateTime>
  </rsm:ExchangedDocument>
  <rsm:SupplyChainTradeTransaction>
    <ram:IncludedSupplyChainTradeLineItem>
      <ram:AssociatedDocumentLineDocument><ram:LineID>1</ram:LineID>
      </ram:AssociatedDocumentLineDocument>
      <ram:SpecifiedTradeProduct><ram:Name>Service mutualisé</ram:Name>
      </ram:SpecifiedTradeProduct>
      <ram:SpecifiedLineTradeAgreement>
        <ram:NetPriceProductTradePrice><ram:ChargeAmount>GROSS</ram:ChargeAmount>
        </ram:NetPriceProductTradePrice>
      </ram:SpecifiedLineTradeAgreement>
      <ram:SpecifiedLineTradeDelivery><ram:BilledQuantity unitCode="C62">1</ram:BilledQuantity>
      </ram:SpecifiedLineTradeDelivery>
      <ram:SpecifiedLineTradeSettlement>
        <ram:ApplicableTradeTax>
          <ram:TypeCode>VAT</ram:TypeCode><ram:CategoryCode>Z</ram:CategoryCode>
          <ram:RateApplicablePercent>0</ram:RateApplicablePercent>
        </ram:ApplicableTradeTax>
        <ram:SpecifiedTradeSettlementLineMonetarySummation>
          <ram:LineTotalAmount>GROSS</ram:LineTotalAmount>
        </ram:SpecifiedTradeSettlementLineMonetarySummation>
      </ram:SpecifiedLineTradeSettlement>
    </ram:IncludedSupplyChainTradeLineItem>
    <ram:ApplicableHeaderTradeAgreement>
      <ram:SellerTradeParty>
        <ram:Name>Fournisseur fictif</ram:Name>
        <ram:SpecifiedLegalOrganization><ram:ID schemeID="0002">{SELLER}</ram:ID>
        </ram:SpecifiedLegalOrganization>
        <ram:PostalTradeAddress><ram:CountryID>FR</ram:CountryID></ram:PostalTradeAddress>
      </ram:SellerTradeParty>
      <ram:BuyerTradeParty>
        <ram:Name>Acheteur fictif</ram:Name>
        <ram:SpecifiedLegalOrganization><ram:ID schemeID="0002">RECIPIENT</ram:ID>
        </ram:SpecifiedLegalOrganization>
        <ram:PostalTradeAddress><ram:CountryID>FR</ram:CountryID></ram:PostalTradeAddress>
      </ram:BuyerTradeParty>
    </ram:ApplicableHeaderTradeAgreement>
    <ram:ApplicableHeaderTradeDelivery/>
    <ram:ApplicableHeaderTradeSettlement>
      <ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
      <ram:SpecifiedTradeSettlementPaymentMeans>
        <ram:TypeCode>30</ram:TypeCode>
        <ram:PayeePartyCreditorFinancialAccount>
          <ram:IBANID>FR7630001007941234567890185</ram:IBANID>
        </ram:PayeePartyCreditorFinancialAccount>
      </ram:SpecifiedTradeSettlementPaymentMeans>
      <ram:ApplicableTradeTax>
        <ram:CalculatedAmount>0</ram:CalculatedAmount><ram:TypeCode>VAT</ram:TypeCode>
        <ram:BasisAmount>GROSS</ram:BasisAmount><ram:CategoryCode>Z</ram:CategoryCode>
        <ram:RateApplicablePercent>0</ram:RateApplicablePercent>
      </ram:ApplicableTradeTax>
      <ram:SpecifiedTradePaymentTerms><ram:Description>30 jours</ram:Description>
      </ram:SpecifiedTradePaymentTerms>
      <ram:SpecifiedTradeSettlementHeaderMonetarySummation>
        <ram:LineTotalAmount>GROSS</ram:LineTotalAmount>
        <ram:TaxBasisTotalAmount>GROSS</ram:TaxBasisTotalAmount>
        <ram:TaxTotalAmount currencyID="EUR">0</ram:TaxTotalAmount>
        <ram:GrandTotalAmount>GROSS</ram:GrandTotalAmount>
        <ram:DuePayableAmount>GROSS</ram:DuePayableAmount>
      </ram:SpecifiedTradeSettlementHeaderMonetarySummation>
    </ram:ApplicableHeaderTradeSettlement>
  </rsm:SupplyChainTradeTransaction>
</rsm:CrossIndustryInvoice>
"""


def cii(facts: DepositedFacts) -> bytes:
    """An invoice that says these facts."""
    texts = {
        "NUMBER": facts.number,
        "ISSUED": f"{facts.issue_date:%Y%m%d}",
        "RECIPIENT": facts.recipient,
        "GROSS": str(facts.gross),
    }
    return re.sub("|".join(texts), lambda found: texts[found[0]], _CII).encode()


def read_cii(content: bytes) -> DepositedFacts:
    """The facts of an invoice made by ``cii``; raises ValueError for anything else."""
    text = content.decode("utf-8")

    def first(pattern: str) -> str:
        found = re.search(pattern, text)
        if found is None:
            raise ValueError(f"{pattern} manque")
        return found[1]

    return DepositedFacts(
        number=first(r"<rsm:ExchangedDocument>\s*<ram:ID>([^<]+)<"),
        issue_date=date.fromisoformat(first(r'format="102">(\d{8})<')),
        recipient=first(r"(?s)BuyerTradeParty>.*?0002\">(\d+)<"),
        gross=Money.of(Decimal(first(r"<ram:GrandTotalAmount>([\d.]+)<"))),
    )
