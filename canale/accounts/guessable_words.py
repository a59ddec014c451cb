# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Words that people build passwords from: Italian, English and rows of keys.

Compiled for canale. In pairs, and with the endings that people add (a year, a date, `123`, `!`),
they make far more than the 3,000 common passwords of the permitted length that ASVS 6.2.4 requires.
"""

from __future__ import annotations

_PHRASES = """
benvenuto benvenuta benvenuti cambiami cambiala cambiare password passwort passord parola parole
segreta segreto segreti accesso accedi entra entrata entrami ciao ciaociao buongiorno buonasera
salve prova provaprova test testtest esempio default guest ospite utente username admin
administrator amministratore amministrazione root superuser sistema system server computer
internet login logon welcome letmein changeme master manager account secret qwerty azerty asdfgh
zxcvbn iloveyou tiamo amore amoremio amoretuo tesoro tesoromio cucciolo cucciola stellina
principessa principe angelo angioletto gattino gattina micio micia cagnolino orsetto farfalla sole
luna stella stelle mare montagna cielo terra fuoco acqua vento neve pioggia fiore fiori rosa rose
viola margherita girasole primavera estate autunno inverno vacanza vacanze natale pasqua carnevale
ferragosto capodanno compleanno auguri felice felicita fortuna forza coraggio liberta pace vita
bella bello bellissima bellissimo sempre mai nulla niente tutto tutti nessuno dragon drago
football baseball monkey scimmia superman batman spiderman pokemon starwars matrix freedom hello
sunshine princess sicura sicuro sicurezza sicurissima forte nuova nuovo vecchia vecchio prima
primo shadow love lovely flower summer winter spring autumn monday friday trustno computer
"""
_TOWN_HALL = """
comune comunale municipio citta cittadino cittadini sindaco sindaca assessore assessorato giunta
consiglio ufficio uffici stampa redazione protocollo anagrafe tributi polizia vigili protezione
civile scuola scuole biblioteca museo teatro piazza palazzo castello duomo chiesa ospedale asl
regione provincia provinciale regionale italia italiano italiana italiani repubblica stato governo
ministero servizio servizi segreteria segretario segretaria direttore direttrice dirigente
impiegato lavoro canale canali avviso avvisi notizia notizie messaggio messaggi allerta emergenza
pubblico pubblica giornale ente entelocale urp
"""
_CALENDAR = """
gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
lunedi martedi mercoledi giovedi venerdi sabato domenica oggi domani ieri january february march
april may june july august september october november december saturday sunday tuesday wednesday
thursday
"""
_NAMES = """
alessandro alessandra alessia alessio alberto alice andrea angela anna antonella antonio antonia
arianna beatrice benedetta bruno camilla carla carlo carlotta carmela caterina cecilia chiara
cinzia claudia claudio cristian cristina daniela daniele dario davide debora diego domenico
donatella edoardo elena eleonora elisa elisabetta emanuele emma enrico enzo erica ester fabio
fabrizio federica federico filippo filomena flavio francesca francesco franco gabriele gabriella
gaia gennaro giacomo gianluca gianni ginevra giorgia giorgio giovanna giovanni giulia giulio
giuseppe giuseppina greta ilaria irene isabella jessica laura lavinia leonardo letizia lorenzo
loredana luca lucia luciano ludovica luigi luisa maddalena manuela marcello marco margherita maria
mariagrazia mario marta martina massimo matilde matteo mattia maurizio mauro michela michele
miriam monica nicola nicole nicolo noemi paola paolo pasquale patrizia pietro raffaele raffaella
rebecca riccardo rita roberta roberto rocco rosanna rosaria salvatore samuele sandra sara serena
sergio silvia silvio simona simone sofia sonia stefania stefano susanna teresa tiziana tommaso
umberto valentina valeria valerio vanessa veronica vincenzo virginia viola vittoria vittorio
walter rossi russo ferrari esposito bianchi romano colombo ricci marino greco bruno gallo conti
deluca mancini costa giordano rizzo lombardi moretti barbieri fontana santoro mariani rinaldi
caruso ferrara galli martini leone longo gentile martinelli vitale lombardo serra coppola desantis
dangelo marchetti parisi villa conte ferraro ferri fabbri bianco marini grasso valentini messina
"""
_PLACES = """
roma milano napoli torino palermo genova bologna firenze bari catania venezia verona messina
padova trieste brescia parma modena prato reggio livorno ravenna cagliari foggia rimini salerno
ferrara sassari latina monza siracusa bergamo pescara trento forli vicenza terni bolzano novara
piacenza ancona andria udine arezzo cesena lecce pesaro alessandria barletta spezia pistoia pisa
catanzaro lucca brindisi como treviso varese marsala grosseto asti cremona mantova pavia lodi
lecco sondrio cuneo biella vercelli imperia savona belluno rovigo gorizia pordenone macerata fermo
ascoli perugia viterbo rieti frosinone laquila teramo chieti campobasso isernia caserta benevento
avellino potenza matera cosenza crotone trapani agrigento caltanissetta enna ragusa nuoro oristano
aosta piemonte lombardia veneto liguria emilia romagna toscana umbria marche lazio abruzzo molise
campania puglia basilicata calabria sicilia sardegna europa
"""
_CLUBS = """
juventus juve inter milan napolicalcio forzainter forzajuve forzamilan forzanapoli forzaroma lazio
fiorentina sampdoria genoa atalanta udinese torinofc calcio calciatore campione campioni scudetto
ferrari lamborghini ducati vespa fiat alfa romeo lancia maserati valentinorossi maradona totti
baggio buffon delpiero pirlo ronaldo messi
"""
# Placeholders that an administrator sets for somebody else to replace: "change me at once".
_CHANGE_ME = """
cambia cambiami cambiala cambialo cambiare cambiarla cambiarlo cambiate cambiatela cambiata cambiato
modifica modificami modificala modificare sostituisci sostituiscimi sostituire resetta resettami
change changed changeme changeit changethis replace replaceme reset resetme password passwd pwd
temporanea temporaneo provvisoria provvisorio iniziale predefinita predefinito segnaposto temporary
temp initial default placeholder
"""
# Words that accompany a placeholder but are not one themselves.
_WITH_CHANGE_ME = """
subito adesso ora ancora immediatamente presto oggi domani prego favore piacere grazie devi va vai
questa questo quella poi al alla da dopo prima primo accesso ingresso login account codice parola
chiave qui tutto please now immediately today tomorrow asap soon once thanks must should be this
that it me at to on after before first access code key here
"""
_SHORT = "di de del la il lo le un una e a in con per su io tu mio mia sei sono the my is you and"
# Rows of keys, and the alphabet; both directions are tried.
ROWS = (
    "1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "azertyuiop", "qwertzuiop",
    "qazwsxedcrfvtgb", "1qaz2wsx3edc4rfv5tgb", "abcdefghijklmnopqrstuvwxyz", "!\"£$%&/()=",
    "!@#$%^&*()",
)  # fmt: skip
ENDINGS = (
    "", "1", "12", "123", "1234", "12345", "123456", "123456789", "!", "1!", "123!", "01", "007",
    "69", "88", "99", "00", "000", "111", "*", ".", "!!", "2020", "2021", "2022", "2023", "2024",
    "2025", "2026", "2027", "2026!", "2025!", "@2026", "_2026", "-2026", "1990", "1985", "1980",
    "1975", "1970",
)  # fmt: skip

WORDS = frozenset(
    word
    for text in (_PHRASES, _TOWN_HALL, _CALENDAR, _NAMES, _PLACES, _CLUBS, _CHANGE_ME)
    for word in text.split()
) | frozenset(word for word in _WITH_CHANGE_ME.split() if len(word) > 4)
SHORT_WORDS = frozenset(_SHORT.split())
CHANGE_ME = frozenset(_CHANGE_ME.split())
WITH_CHANGE_ME = SHORT_WORDS | frozenset(_WITH_CHANGE_ME.split())
