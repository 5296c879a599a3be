"""The French help of the sandbox."""

from typing import Final

from worker.sandbox import SandboxCredentials

_PUBLIC: Final = SandboxCredentials()

SUMMARY: Final = """\
Bac à sable : un Chorus Pro local, pour essayer les dépôts sans toucher au vrai portail.
N'écoute que sur 127.0.0.1 et n'appelle personne."""

MANUAL: Final = f"""\
CE QUI EST FIDÈLE
  Jeton OAuth puis compte technique (en-tête cpro-account), dans l'ordre des contrôles
  de la passerelle : 400 sans jeton, 401 jeton inconnu ou expiré, 403 route inconnue,
  401 mauvais compte technique, 415 mauvais type, 400 corps illisible.
  Un refus métier répond 200 avec un codeRetour différent de 0.
  Un dépôt accepté ne dit rien de la facture : le verdict vient au compte rendu
  (IN_INTEGRE ou IN_REJETE), et l'octet déposé est sur disque avant la réponse.
  Formats : Factur-X (profil EN 16931), UBL 2.1 Invoice, CII. Chaque fichier est
  vérifié contre le schéma officiel puis contrôlé : numéro, cadre de facturation
  A1 à A25, SIRET de 14 chiffres, fournisseur et destinataire connus et actifs,
  service, engagement, mode de paiement, IBAN, date, montants, unicité
  (année, SIREN du fournisseur, numéro).
  Statuts DEPOSEE puis MISE_A_DISPOSITION ; factures/v1/traiter/recue joue l'acheteur.

CE QUI EST SIMULÉ
  Les libellés que personne n'a relevés sur le vrai portail commencent par « SIMULE - ».
  Une syntaxe de flux hors liste répond 400 : le vrai refus n'est pas connu.
  Le schéma CII est le D22B, au lieu du D16B.
  Les textes d'erreur de schéma viennent de libxml2, pas du valideur de Chorus Pro.
  Les numéros d'engagement ne sont pas vérifiés auprès de l'État.
  Un seul compte technique, qui peut tout : les habilitations ne sont pas simulées.
  Un critère de recherche non simulé est refusé au lieu d'être ignoré.

ROUTES
  POST /api/oauth/token
  POST /cpro/factures/v1/      deposer/flux, rechercher/fournisseur,
                               consulter/historique, traiter/recue
  POST /cpro/transverses/v1/   consulterCRDetaille
  POST /cpro/structures/v1/    rechercher, consulter, rechercher/services,
                               consulter/service
  GET  /cpro/transverses/v1/   health-check

IDENTIFIANTS ACCEPTÉS (publics, ils ne protègent rien ; chacun se change par sa variable)
  CHORUS_SANDBOX_CLIENT_ID       {_PUBLIC.client_id}
  CHORUS_SANDBOX_CLIENT_SECRET   {_PUBLIC.client_secret}
  CHORUS_SANDBOX_ACCOUNT         {_PUBLIC.account}
  CHORUS_SANDBOX_PASSWORD        {_PUBLIC.password}

STRUCTURES INTÉGRÉES
  Fournisseurs
    33254021516357   privé
    00001000900017   public (peut utiliser FACTURES_PUBLIQUES)
    00001000900025   public, inactif
  Destinataires
    12345678200051   aucun paramètre
    12345678200036   engagement obligatoire
    12345678200028   service obligatoire : SERVICE_DEST_SERV_OBL
    12345678200044   service (SERVICE_DEST_SERV_EJ_OBL) et engagement obligatoires
    11000201100044   État, service SFACETAT
    12345678200101   inactif
    12345678200119   factures de travaux seulement
    12345678200127   service (FINANCES) ou engagement
    12345678200135   services LIBRE, AVEC_EJ, FERME, EXPIRE, FUTUR
    12345678200143   ne remonte jamais la mise en paiement
    12345678200150   218 services, SRV001 à SRV218, l'un d'eux obligatoire
  Toute structure publique a aussi le service FACTURES_PUBLIQUES.

FICHIER DE STRUCTURES (--directory) : une liste JSON, ajoutée aux précédentes
  [{{"siret": "…", "name": "…", "public": true, "active": true, "moa_only": false,
    "service_code_required": false, "engagement_required": false,
    "service_or_engagement": false, "payment_status_not_reported": false,
    "account_password_expiry": "2027-10-01",
    "services": [{{"code": "…", "name": "…", "active": true,
                  "engagement_required": false,
                  "valid_from": "2026-01-01", "valid_to": null}}]}}]
  Seuls siret, name et, pour un service, code et name sont obligatoires.
  Une structure de même SIRET remplace celle qui est intégrée.
"""
