"""The French help of the sandbox."""

from typing import Final

from chorus_sandbox import SandboxCredentials
from chorus_sandbox.integration.lots import LARGEST_LOT, MOST_FILES

_LOT_MB: Final = LARGEST_LOT // (1024 * 1024)
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
  (IN_INTEGRE, IN_INTEGRE_PARTIEL ou IN_REJETE), et l'octet déposé est sur disque
  avant la réponse.
  Formats : Factur-X (profil EN 16931), UBL 2.1 Invoice, CII. Chaque fichier est
  vérifié contre le schéma officiel puis contrôlé : numéro, cadre de facturation
  A1 à A25, SIRET de 14 chiffres, fournisseur et destinataire connus et actifs,
  service, engagement, mode de paiement, IBAN, date, montants, unicité
  (année, SIREN du fournisseur, numéro).
  Lots : plusieurs factures d'une même syntaxe à la racine d'un .tar.gz, au plus {MOST_FILES}
  fichiers et {_LOT_MB} Mo décompressés ; chaque facture est contrôlée pour elle-même, les
  mauvaises sont nommées dans listeErreurDP, un doublon dans le lot aussi.
  Statuts DEPOSEE puis MISE_A_DISPOSITION ; factures/v1/traiter/recue joue l'acheteur,
  dans n'importe quel ordre. completer seulement si SUSPENDUE, traiterRejet si REJETEE.
  Tailles : flux de 30 Mo, pièce jointe de 10 Mo, téléchargement de 120 Mo (413).
  Recherches : 10 résultats par page, 200 au plus sauf nbResultatsMaximum.

CE QUI EST SIMULÉ
  Les libellés que personne n'a relevés sur le vrai portail commencent par « SIMULE - ».
  Une syntaxe de flux hors liste répond 400 : le vrai refus n'est pas connu.
  Un lot dont un fichier n'est lu par aucun schéma est refusé en entier.
  Le schéma CII est le D22B, au lieu du D16B.
  Les textes d'erreur de schéma viennent de libxml2, pas du valideur de Chorus Pro.
  Les numéros d'engagement ne sont pas vérifiés auprès de l'État.
  Un seul compte technique, rattaché à toutes les structures actives et qui peut tout.
  Un critère de recherche non simulé est refusé au lieu d'être ignoré.
  Le compte rendu en PDF, les types de pièces jointes, le format pivot ; un flux XML
  téléchargé en « PDF » donne le XML dans un zip, sans lisible.
  masquerRejetee cache les factures rejetées dont le rejet n'est pas traité.
  recycler et soumettre n'existent pas : la route répond 403.

ROUTES
  POST /api/oauth/token
  POST /cpro/factures/v1/      deposer/flux, rechercher/fournisseur,
                               rechercher/atraiter/fournisseur, consulter/fournisseur,
                               consulter/historique, completer, traiterRejet,
                               traiter/recue, telecharger/groupe
  POST /cpro/transverses/v1/   consulterCRDetaille, consulterCR, ajouter/fichier,
                               telecharger/pieceJointe, recuperer/typespj,
                               recuperer/structures/actives/fournisseur
  POST /cpro/structures/v1/    rechercher, consulter, rechercher/services,
                               consulter/service
  POST /cpro/utilisateurs/v1/  monCompte/recuperer/rattachements
  GET  /cpro/transverses/v1/   health-check

PANNEAU DE L'ACHETEUR (sans identité, cette machine seulement)
  GET  /_sandbox/              page à ouvrir dans un navigateur : factures, flux, boutons
  GET  /_sandbox/invoices      les factures intégrées, en JSON
  GET  /_sandbox/fluxes        les flux déposés
  POST /_sandbox/invoices/F/A  F : identifiant ou numéro de facture ; A : accept (mandatée),
                               suspend, reject (motif obligatoire : {{"reason": "…"}}),
                               book (comptabilisée), pay, recycle ; tout ordre est permis
  GET, POST, DELETE /_sandbox/faults   les pannes en attente et produites ; POST d'un objet
                               en ajoute une, d'une liste les remplace toutes

PANNES : un objet JSON par panne (--faults, panneau)
  {{"kind": "…", "routes": "*/deposer/flux", "times": 1, "skip": 0, "seconds": 40,
    "size": 1, "shape": "all"}}
  Seul kind est obligatoire. routes : motif du chemin (* et ?) ; times : nombre de requêtes
  touchées (null : sans fin) ; skip : requêtes épargnées d'abord. Une requête rencontre une
  panne au plus, la plus ancienne qui la concerne.
  Rien n'est enregistré
    drop_before            coupe la connexion
    error_before           500
    wrong_account          401 du compte technique
    forbidden              403
    too_many_requests      429, Retry-After: seconds (2 par défaut)
    maintenance            503 en HTML, times requêtes, ou pendant seconds secondes
  Tout est enregistré, sur disque, puis
    drop_after             coupe la connexion
    bad_gateway_after      502 en HTML
    gateway_timeout_after  504 en HTML
    slow_after             répond après seconds secondes (40 par défaut)
    truncated              la moitié de la réponse
    wrong_types            shape : objects (liste d'un élément en objet), numbers (nombres en
                           texte), nulls (null là où c'est facultatif), missing (champs
                           facultatifs absents), all (les trois premiers)
  Le portail se conduit mal
    token_expiry           tous les jetons meurent, cette requête comprise
    unknown_flux_state     compte rendu : état IN_SIMULE_INCONNU
    incident               dépôt : le verdict sera IN_INCIDENTE, rien n'est intégré
    unknown_status         recherche, lecture, historique : statut SIMULE_INCONNU
    status_backwards       chaque facture montrée reprend son statut précédent
    late_indexing          dépôt : factures introuvables seconds secondes (120 par défaut)
                           après leur intégration
    short_pages            recherche : size résultats par page
  --fault-seed N --fault-rate 0.2 --fault-kinds drop_after,slow_after:2
    tire des pannes au hasard, les mêmes pour les mêmes requêtes dans le même ordre ;
    « :2 » donne seconds. Un 429 tiré en entraîne 2 autres, une maintenance 4 autres.
  Tout est tenu dans le registre : relancé, le bac à sable reprend le tirage et les pannes
  où ils en étaient ; --faults n'est lu qu'une fois par registre tant que le fichier est
  le même.

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
