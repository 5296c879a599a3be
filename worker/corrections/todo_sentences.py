"""The French of each advice, around its command."""

from collections.abc import Mapping

from worker.corrections.todo import TO_FILL_IN, Advice
from worker.corrections.todo import AdviceCode as A

SENTENCES: Mapping[A, str] = {
    A.CORRECT: "{0}",
    A.RUN: "corrigez, puis tapez : {command}",
    A.DEPOSIT: (
        "son dépôt attend depuis plusieurs jours ; tapez : {command}, et faites ce que dit sa "
        "réponse"
    ),
    A.RESEND: "corrigez puis tapez : {command} [--service-code CODE] [--engagement NUMERO]",
    A.RESEND_OR_KEEP: (
        "corrigez puis tapez : {command} [--service-code CODE] [--engagement NUMERO] ; si son "
        "membre ne peut plus rien recevoir sur Chorus Pro, gardez-le dans nos livres : "
        'chorus-worker credit {0} --reason "…" --internal {0}'
    ),
    A.CHECK_TAKEN_NUMBER: (
        "le portail a une autre facture sous son numéro ; un renvoi serait refusé. Voyez ce que "
        "c'est : si elle facture un de nos membres (sauvegarde restaurée, autre machine, saisie à "
        "la main), n'émettez rien et appelez l'exploitant ; sinon, pour la refaire sous un autre "
        "numéro : {command}"
    ),
    A.COMPARE: (
        "le portail a une facture presque identique ({0}) ; comparez les deux, et si c'est bien la "
        "nôtre, tapez : {command}"
    ),
    A.COMPLETE: "le membre demande des pièces ; joignez-les, puis tapez : {command}",
    A.CANCEL_REJECTED: (
        "rejetée par le membre ; pour l'annuler avant d'en refaire une, tapez : {command}"
    ),
    A.REMAKE_REJECTED: (
        "rejeté par le membre ; pour le refaire, tapez : {command} [--service-code CODE] "
        "[--engagement NUMERO]"
    ),
    A.FIND_UNCERTAIN: (
        "tapez : chorus-worker reconcile ; sans résultat, cherchez-la sur le portail, et si elle "
        "n'y est pas, tapez : {command}"
    ),
    A.CHECK_FLUX: (
        "vérifiez le flux {0} dans « Suivi des flux » de Chorus Pro ; s'il ne doit pas aboutir, "
        "tapez : {command}"
    ),
    A.CHECK_INDEX: (
        "son compte rendu la dit intégrée, et aucune recherche ne la montre : regardez le flux "
        "{0} sur le portail Chorus Pro"
    ),
    A.REPORT_WORD: (
        "regardez ce qu'il en est sur le portail Chorus Pro, et signalez ce mot à l'exploitant ; "
        "pour relire, tapez : {command}"
    ),
}


def sentence(advice: Advice) -> str:
    """What a person reads, with the whole command line to type."""
    words = (f'"{word}"' if word == TO_FILL_IN else word for word in advice.command)
    command = " ".join(("chorus-worker", *words))
    return SENTENCES[advice.code].format(*advice.arguments, command=command)
