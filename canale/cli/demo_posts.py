# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two weeks of a city that does not exist, told as a good press office would."""

from __future__ import annotations

from dataclasses import dataclass

from canale.cli.demo_drawings import market, recycling, river

NAME = "Comune di Cremona (dimostrazione)"
DESCRIPTION = (
    "Avvisi, eventi e scadenze della città, come apparirebbero su un canale vero. "
    "Questa è una dimostrazione: nulla di quello che leggi è reale."
)
TOPICS = ("Scuola", "Strade e viabilità", "Cultura", "Ambiente", "Servizi")


@dataclass(frozen=True, slots=True)
class DemoPost:
    """``days_ago`` and ``hour`` say when it came out; ``in_days`` when its event or deadline is."""

    days_ago: int
    hour: float
    kind: str
    headline: str
    text: str
    topic: str = ""
    in_days: int | None = None
    at_hour: float = 9
    until_hour: float | None = None
    place: str = ""
    image: tuple[bytes, str] | None = None
    correction: tuple[str, str] = ("", "")
    """The note to readers, and the corrected text."""
    withdrawn: str = ""
    clears: bool = False
    """It ends the alert before it."""


POSTS = (
    DemoPost(
        14, 9, "news", "Benvenuti sul canale del Comune",
        "Da oggi gli avvisi della città arrivano qui, *subito e gratis*.\n\n"
        "- niente registrazione\n- niente numero di telefono\n- si smette quando si vuole\n\n"
        "Fate girare il codice QR!",
    ),
    DemoPost(
        13, 8.5, "service", "Via Dante: lavori fino a venerdì",
        "Asfaltatura tra via Palestro e piazza Roma. Si passa _solo a piedi e in bici_.\n"
        "I bus 1 e 4 fermano in corso Garibaldi.",
        "strade-e-viabilita",
    ),
    DemoPost(
        12, 11, "event", "Mercato contadino in piazza Stradivari",
        "Trenta banchi di produttori della provincia: formaggi, miele, verdura di stagione.\n"
        "Alle 11 *laboratorio del pane* per bambine e bambini.",
        "cultura", in_days=-9, at_hour=8, until_hour=13, place="Piazza Stradivari",
        image=(
            market(),
            "Disegno di un banco del mercato con tendone a righe rosse e bianche e cassette di "
            "frutta e verdura.",
        ),
    ),
    DemoPost(
        11, 10, "deadline", "Mensa scolastica: domande entro fine mese",
        "Si chiede online con SPID o CIE. Serve l’ISEE aggiornato per la tariffa ridotta.\n"
        "Aiuto allo sportello Scuola, _lunedì e giovedì 9–12_.",
        "scuola", in_days=6, at_hour=12,
    ),
    DemoPost(
        10, 16, "news", "Raccolta differenziata: che cosa va dove",
        "Un promemoria da appendere in cucina. I sacchi si ritirano gratis in via Postumia 102.",
        "ambiente",
        image=(
            recycling(),
            "Quattro bidoni colorati con le parole: marrone umido, giallo plastica e metalli, "
            "blu carta, verde vetro.",
        ),
    ),
    DemoPost(
        9, 7, "alert", "Piena del Po: non scendere in golena",
        "Il livello supera la *seconda soglia* ed è in crescita fino a stanotte.\n\n"
        "- state lontani dalle rive e dagli argini\n"
        "- spostate le auto dal parcheggio delle Colonie\n"
        "- per emergenze chiamate il *112*",
        image=(
            river(),
            "Grafico del livello del Po: sale oltre la seconda soglia e arriva al massimo alle "
            "due di notte.",
        ),
    ),
    DemoPost(
        8, 6.5, "service", "Chiusi i parchi lungo il Po",
        "Parco al Po e piste ciclabili sugli argini restano chiusi finché l’acqua non scende.",
        "ambiente",
        correction=(
            "Aggiunta la pista ciclabile di via Riglio.",
            "Parco al Po, piste ciclabili sugli argini e ciclabile di via Riglio restano chiusi "
            "finché l’acqua non scende.",
        ),
    ),
    DemoPost(
        7, 18, "alert", "Po in calo: si può tornare in golena",
        "Il livello è sotto la prima soglia. I parchi riaprono domattina alle 8.\n"
        "Grazie ai volontari della Protezione civile.",
        clears=True,
    ),
    DemoPost(
        6, 9.5, "news", "Biblioteca aperta anche la domenica",
        "Per tutto l’inverno sale studio e prestito aperti la domenica, *10–18*.\n"
        "> «Un posto caldo per leggere, studiare e incontrarsi»",
        "cultura",
    ),
    DemoPost(
        5, 12, "service", "Acqua sospesa giovedì in zona Cascinetto",
        "Dalle 9 alle 15, per la sostituzione di una condotta. Autobotte in via Flaminia.",
        "servizi",
    ),
    DemoPost(
        5, 15, "event", "Concerto gratuito al Ponchielli",
        "Posti esauriti.", "cultura", in_days=-2, at_hour=21, place="Teatro Ponchielli",
        withdrawn="Lo spettacolo è rinviato: la nuova data arriva appena possibile.",
    ),
    DemoPost(
        4, 10, "event", "Assemblea di quartiere: la nuova piazza Roma",
        "Il progetto si racconta e si discute. Interprete LIS presente.\n"
        "Le tavole sono su https://www.comune.cremona.it",
        "strade-e-viabilita", in_days=3, at_hour=20.5, until_hour=22.5,
        place="Sala Zanoni, via del Vecchio Passeggio 1",
    ),
    DemoPost(
        3, 8, "news", "Domeniche ecologiche: si comincia",
        "Centro chiuso alle auto *dalle 9 alle 18*. Bus gratis tutto il giorno.",
        "strade-e-viabilita",
    ),
    DemoPost(
        2, 11, "deadline", "Contributo affitto: ultimi giorni",
        "Per chi ha un ISEE fino a 18.000 euro. Domanda online o allo sportello di "
        "piazza del Comune 8.",
        "servizi", in_days=4, at_hour=18,
    ),
    DemoPost(
        1, 17, "service", "Sportello anagrafe chiuso domani pomeriggio",
        "Per aggiornamento dei sistemi. I certificati online funzionano sempre.",
        "servizi",
    ),
    DemoPost(
        0, 7.5, "news", "Mense e scuole: menù d’inverno da lunedì",
        "Più legumi e più frutta di stagione; resta la possibilità di dieta speciale con "
        "certificato.\nIl menù completo: https://www.comune.cremona.it",
        "scuola",
    ),
)  # fmt: skip
