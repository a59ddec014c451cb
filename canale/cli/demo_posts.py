# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A month of an invented city, written as a good press office would.

No telephone number of these can exist: in Italy none goes on with 000 after its area code.
"""

from __future__ import annotations

from dataclasses import dataclass

# In one line beside the avatar of a phone.
NAME = "Comune di Cremona (demo)"
DESCRIPTION = (
    "Avvisi, eventi e scadenze della città, come apparirebbero su un canale vero. "
    "Questa è una dimostrazione: nulla di quello che leggi è reale."
)
TOPICS = ("Scuola", "Strade e viabilità", "Cultura", "Ambiente", "Servizi", "Protezione civile")
WORKDAYS, SATURDAY, SUNDAY = (0, 1, 2, 3, 4), (5,), (6,)


@dataclass(frozen=True, slots=True)
class DemoPreview:
    """The title, description and picture of the page that the post links to."""

    title: str
    description: str
    picture: str


@dataclass(frozen=True, slots=True)
class DemoPost:
    """``days_ago`` and ``hour`` say when it came out.

    ``in_days`` is the day of its event or deadline, or the last one of its disruption: the first
    from then on that is one of ``weekdays``. The words say it as {day} and {weekday}.
    """

    days_ago: int
    hour: float
    kind: str
    headline: str
    text: str
    topic: str = ""
    in_days: int | None = None
    weekdays: tuple[int, ...] = WORKDAYS
    at_hour: float | None = None
    """None: the whole day."""
    until_hour: float | None = None
    place: str = ""
    pictures: tuple[tuple[str, str], ...] = ()
    """Each with its name in demo_pictures and what it shows."""
    preview: DemoPreview | None = None
    correction: tuple[str, str] = ("", "")
    """The note to readers, and the corrected text."""
    withdrawn: str = ""
    clears: bool = False
    """It ends the alert before it."""


POSTS = (
    DemoPost(
        29, 9, "news", "La città ti scrive: benvenuto sul canale",
        "Tocca *Iscriviti*: da oggi gli avvisi del Comune arrivano sul tuo telefono, "
        "_subito e gratis_.\n\n"
        "- non serve registrarsi né dare il numero\n"
        "- scegli tu gli argomenti\n"
        "- smetti quando vuoi\n\n"
        "Fai girare il codice QR: lo trovi anche sulle locandine in municipio e in biblioteca.",
        pictures=((
            "skyline",
            "Disegno di una piazza al tramonto: la torre, la cattedrale e i portici con le luci "
            "accese; alcune persone passeggiano, una bicicletta è ferma al centro.",
        ),),
    ),
    DemoPost(
        27, 8.5, "service", "Via Dante chiusa per lavori: segui la deviazione",
        "In auto passa da corso Garibaldi fino a {day}. A piedi e in bici si passa sempre.\n"
        "I bus 1 e 4 fermano sulla deviazione.\n\n"
        "Informazioni: 0372 000 210, dalle 8 alle 14.",
        "strade-e-viabilita", in_days=-19,
        pictures=((
            "roadworks",
            "Mappa: via Dante è chiusa per lavori tra due incroci. La deviazione, in blu, gira "
            "intorno all’isolato a sud. A piedi e in bici si passa; la fermata dei bus 1 e 4 è "
            "sulla deviazione.",
        ),),
        correction=(
            "Due giorni in più: la pioggia ha fermato l’asfaltatura.",
            "In auto passa da corso Garibaldi fino a {day}, *due giorni più del previsto*. "
            "A piedi e in bici si passa sempre.\n"
            "I bus 1 e 4 fermano sulla deviazione.\n\n"
            "Informazioni: 0372 000 210, dalle 8 alle 14.",
        ),
    ),
    DemoPost(
        26, 10, "news", "Rifiuti: il calendario da appendere in cucina",
        "Salva l’immagine, o ritira la copia di carta e i sacchi gratis in via Postumia 102, "
        "dal lunedì al sabato, 8–12.\n\n"
        "Un sacco non è stato ritirato? Chiama lo 0372 000 330.",
        "ambiente",
        pictures=((
            "recycling",
            "La raccolta, giorno per giorno. Esponi dopo le 20 della sera prima. Lunedì umido: "
            "avanzi, fondi di caffè. Martedì carta: giornali, scatole. Mercoledì plastica: "
            "bottiglie, vaschette. Giovedì umido: bucce, tovaglioli. Venerdì vetro: barattoli, "
            "bottiglie. Sabato secco: quello che resta.",
        ),),
    ),
    DemoPost(
        24, 11, "event", "Un albero per ogni nuovo nato: piantali con noi",
        "Porta scarpe da fango: vanghe e guanti li diamo noi. Quest’anno gli alberi sono 412.\n"
        "Se piove si rimanda di una settimana.",
        "ambiente", in_days=-20, weekdays=SATURDAY, at_hour=9.5, until_hour=12,
        place="Parco al Po, ingresso di via del Sale",
    ),
    DemoPost(
        23, 16, "news", "In caso di emergenza: dove ci si ritrova",
        "Guarda oggi qual è il punto più vicino a casa e dillo a chi vive con te.\n"
        "Vai a piedi, con documenti e medicine; non prendere l’auto.\n\n"
        "Il piano completo: https://emergenze.cremona.example",
        "protezione-civile",
        pictures=((
            "meeting-points",
            "Dove ci si ritrova. Mappa con quattro punti e il fiume: 1 parcheggio del mercato, "
            "zona ovest; 2 giardini pubblici, centro; 3 campo sportivo, zona est; 4 piazza della "
            "stazione, zona nord. In fondo: Emergenza: chiama il 112.",
        ),),
        preview=DemoPreview(
            "Il piano di emergenza, spiegato in due pagine",
            "Che cosa fare prima, durante e dopo una piena, un terremoto, una nevicata.",
            "river",
        ),
    ),
    DemoPost(
        21, 9, "deadline", "Borse di studio: domanda entro {day}",
        "Fai domanda online con SPID o CIE: 300 euro per chi frequenta le superiori e ha un ISEE "
        "fino a 15.000 euro.\n\n"
        "Aiuto allo sportello Scuola, lunedì e giovedì 9–12. Telefono 0372 000 410.",
        "scuola", in_days=-7,
    ),
    DemoPost(
        19, 6.5, "alert", "Piena del Po: non scendere in golena",
        "Stai lontano da rive e argini fino al cessato allarme. "
        "Il livello ha superato la *seconda soglia* e cresce fino a stanotte.\n\n"
        "- sposta subito l’auto dal parcheggio delle Colonie\n"
        "- non sostare sui ponti a guardare\n"
        "- se sei in pericolo chiama il *112*",
        "protezione-civile",
        pictures=((
            "river",
            "Disegno del fiume in piena: all’idrometro l’acqua è nella fascia gialla, sopra la "
            "soglia 2 e sotto la 3. Sull’argine una transenna con il segnale di stop e una "
            "volontaria.",
        ),),
    ),
    DemoPost(
        19, 8, "service", "Chiusi i parchi lungo il Po",
        "Non entrare nel Parco al Po né sulle ciclabili degli argini: riaprono quando l’acqua "
        "scende. Lo scriviamo qui.",
        "ambiente", in_days=-16, weekdays=(0, 1, 2, 3, 4, 5, 6),
        correction=(
            "Chiusa anche la ciclabile di via Riglio.",
            "Non entrare nel Parco al Po né sulle ciclabili degli argini e di *via Riglio*: "
            "riaprono quando l’acqua scende. Lo scriviamo qui.",
        ),
    ),
    DemoPost(
        17, 18, "alert", "Po in calo: si può tornare in golena",
        "L’allarme è finito: il livello è sotto la prima soglia. I parchi riaprono domattina "
        "alle 8.\nSui sentieri c’è fango: vai piano.\n\n"
        "Grazie alle 140 persone della Protezione civile che hanno vegliato due notti.",
        "protezione-civile", clears=True,
    ),
    DemoPost(
        15, 9.5, "news", "Biblioteca aperta anche la domenica",
        "Vieni a leggere e studiare al caldo: per tutto l’inverno sale e prestito sono aperti la "
        "domenica, *10–18*. Ingresso libero, wi-fi gratuito.\n"
        "> «Un posto dove nessuno ti chiede di comprare qualcosa»",
        "cultura", place="Biblioteca civica, via Ugolani Dati 4",
    ),
    DemoPost(
        14, 12, "service", "Acqua sospesa {weekday} in tre quartieri",
        "Riempi qualche bottiglia la sera prima: {weekday} dalle 9 alle 15 si cambia una "
        "condotta. Quando torna, lascia scorrere l’acqua un minuto.\n\n"
        "Non puoi uscire? Te la portiamo noi: 0372 000 550.",
        "servizi", in_days=-12, at_hour=9, until_hour=15,
        pictures=((
            "water-tankers",
            "Acqua sospesa: dove trovi le autobotti. Cascinetto, via Flaminia, parcheggio della "
            "scuola; San Felice, piazzale della chiesa; Zaist, via Novati, davanti alla farmacia. "
            "Dalle 9 alle 15. Porta taniche o bottiglie: 20 litri a testa.",
        ),),
    ),
    DemoPost(
        13, 15, "event", "Concerto gratuito al Ponchielli",
        "Ritira il biglietto in teatro: due a persona, fino a esaurimento.", "cultura",
        in_days=-8, weekdays=SATURDAY, at_hour=21, place="Teatro Ponchielli",
        withdrawn="Il concerto è rinviato: i biglietti ritirati restano validi.",
    ),
    DemoPost(
        12, 10, "event", "La nuova piazza Roma: vieni a dire la tua",
        "Guarda il progetto e fai le tue domande a chi lo ha disegnato. C’è l’interprete LIS; "
        "le bambine e i bambini hanno un loro tavolo.\n\n"
        "Non puoi venire? Le tavole restano in municipio per due settimane.",
        "strade-e-viabilita", in_days=-9, at_hour=20.5, until_hour=22.5,
        place="Sala Zanoni, via del Vecchio Passeggio 1",
    ),
    DemoPost(
        10, 9, "deadline", "Contributo affitto: domanda entro {day}",
        "Fai domanda online con SPID o CIE, o allo sportello di piazza del Comune 8. "
        "Vale per chi ha un ISEE fino a 18.000 euro e un contratto registrato.\n\n"
        "Ti serve aiuto? Prenota allo 0372 000 440.",
        "servizi", in_days=4, at_hour=18,
    ),
    DemoPost(
        9, 11, "news", "Bilancio partecipativo: avete scelto il parco di Cavatigozzi",
        "Con 1.204 voti su 3.118 vincono i giochi accessibili: *80.000 euro*, cantiere in "
        "primavera.\n\n"
        "1. Giochi accessibili, Cavatigozzi: 1.204\n"
        "2. Orti di quartiere, Zaist: 1.087\n"
        "3. Cinema all’aperto, Boschetto: 827",
        "servizi",
    ),
    DemoPost(
        8, 8, "event", "Domenica ecologica: in centro senza auto",
        "Lascia l’auto a casa dalle 9 alle 18: i bus sono *gratis* tutto il giorno. "
        "Passano mezzi di soccorso, taxi e chi ha il contrassegno.",
        "ambiente", in_days=-5, weekdays=SUNDAY, at_hour=9, until_hour=18,
        place="Tutto il centro, dentro i viali",
    ),
    DemoPost(
        7, 17, "news", "Piano neve: 34 mezzi pronti, ecco la tua parte",
        "Tieni pala e sale in casa: il marciapiede davanti al portone tocca a chi ci abita. "
        "Le prime strade sono quelle di ospedale, scuole e bus.\n\n"
        "Strada bloccata? Chiama lo 0372 000 660, anche di notte.",
        "strade-e-viabilita",
        pictures=((
            "snow",
            "Disegno di uno spazzaneve giallo e blu con la scritta Piano neve: libera una strada "
            "della città imbiancata; una persona spala il marciapiede.",
        ),),
    ),
    DemoPost(
        6, 12, "event", "SPID e posta elettronica: ti aiutiamo noi",
        "Porta documento, tessera sanitaria e telefono: in mezz’ora esci con tutto attivo. "
        "Gratis, senza prenotare.",
        "servizi", in_days=2, at_hour=15, until_hour=18,
        place="Biblioteca civica, via Ugolani Dati 4",
    ),
    DemoPost(
        4, 9, "deadline", "Mensa scolastica: domanda entro {day}",
        "Fai domanda online con SPID o CIE; per la tariffa ridotta serve l’ISEE aggiornato. "
        "Chi l’ha fatta l’anno scorso deve rifarla.\n\n"
        "Aiuto allo sportello Scuola, lunedì e giovedì 9–12. Telefono 0372 000 410.",
        "scuola", in_days=9, at_hour=12,
        pictures=((
            "school",
            "Disegno di una scuola con l’orologio sul frontone e la bandiera italiana; genitori e "
            "bambini con gli zaini arrivano all’ingresso.",
        ),),
    ),
    DemoPost(
        3, 8, "service", "Via Ghinaglia a senso unico fino a {day}",
        "Verso il centro passa da via Bissolati. Verso l’ospedale non cambia nulla; la fermata "
        "del bus 3 si sposta di cento metri.",
        "strade-e-viabilita", in_days=5,
    ),
    DemoPost(
        2, 10, "event", "Natale in città: {weekday} si accendono le luci",
        "Vieni in piazza alle 17: si accende l’albero, poi si va tra i banchi.\n\n"
        "- *17:00* le luci, piazza del Comune\n"
        "- *17:30* il mercatino, fino alle 22\n"
        "- *18:00* fiabe per chi ha 4–8 anni, in biblioteca\n"
        "- *21:00* violini al Ponchielli, gratis\n\n"
        "Bus gratis dalle 15. Parcheggia fuori dai viali.",
        "cultura", in_days=3, weekdays=SATURDAY, at_hour=17, until_hour=22,
        place="Piazza del Comune",
        pictures=(
            (
                "lights",
                "Disegno della piazza di sera: l’albero di Natale acceso sotto la torre, tre file "
                "di lampadine tra le case e due famiglie che guardano.",
            ),
            (
                "market",
                "Disegno del mercatino: tre banchi con tende a righe rosse, blu e verdi davanti "
                "alla torre e alla cattedrale.",
            ),
            (
                "library",
                "Disegno della biblioteca: una donna legge in poltrona, un bambino sul tappeto, "
                "un gatto sui libri; fuori nevica.",
            ),
            ("concert", "Disegno di un violino con l’archetto sul palco di un teatro."),
        ),
    ),
    DemoPost(
        1, 17, "service", "Anagrafe chiusa fino a {weekday} compreso",
        "Rimanda la visita: aggiorniamo i computer. I certificati online funzionano "
        "sempre; per un documento urgente chiama lo 0372 000 120.",
        "servizi", in_days=1,
    ),
    DemoPost(
        0, 7.5, "news", "Mense: da lunedì il menù d’inverno",
        "Più legumi, frutta di stagione, un piatto nuovo a settimana votato nelle classi. "
        "Per le diete speciali il certificato dell’anno scorso vale ancora.\n\n"
        "Il menù: https://mense.cremona.example",
        "scuola",
        preview=DemoPreview(
            "Menù d’inverno delle mense scolastiche",
            "Otto settimane, piatto per piatto, con gli allergeni e le ricette da rifare a casa.",
            "school",
        ),
    ),
)  # fmt: skip
