"""The inspection layout: the fifteen tables of the PBOC's data interface (300号文), and its codes.

Columns go by what is publicly known of the interface (docs/tables.md says what is not confirmed); a bank whose
inspectors sent another list changes this file alone. Pure.
"""

from __future__ import annotations

from typing import Final

_LARGE_VALUE: Final = (
    "RICD FINC SBDT CTTN CODE RLFC CTNM CITP OITP CTID CSNM CATP CTAC CBCT OCBT CBCN CTVC CCTL CCEI CTAR CTNT OATM"
    " CRCD TBNM TBIT TBID TBNT TSTM TRCD TICD RPMT RPMN TSTP TSCT TSDR CRPP CRTP CRAT CRMB CUSD CFIN CFCT CFIC CFRC"
    " TCNM TCIT TCID TCAT TCAC OCTT OOCT OCEC ROTF"
).split()
"""Fields of the large-value report (银发〔2017〕98号), one line per transaction."""

TABLES: Final[dict[str, tuple[str, ...]]] = {
    "tb_bank": ("Head_no", "Bank_code1", "Bank_code2", "Bank_name", "Open_time", "Close_time"),
    "tb_settle_type": ("Head_no", "Settle_type", "Settle_name"),
    "tb_cst_pers": (
        "Head_no", "Bank_code1", "Cst_no", "Open_time", "Close_time", "Acc_name", "Cst_sex", "Nation", "Id_type",
        "Id_no", "Id_deadline", "Occupation", "Income", "Contact1", "Contact2", "Contact3", "Address1", "Address2",
        "Address3", "Company", "Sys_name",
    ),
    "tb_cst_unit": (
        "Head_no", "Bank_code1", "Cst_no", "Open_time", "Close_time", "Acc_name", "Rep_name", "Id_type", "Id_no",
        "Ope_name", "License", "Id_deadline", "Industry", "Scope", "Set_time", "Reg_amt", "Address1", "Contact1",
        "Actual_name", "Owner_name", "Sys_name",
    ),
    "tb_acc": (
        "Head_no", "Bank_code1", "Self_acc_name", "Acc_state", "Self_acc_no", "Card_no", "Acc_type", "Acc_type1",
        "Id_no", "Cst_no", "Open_time", "Close_time", "Cur", "Holders", "Fund_use",
    ),
    "tb_acc_txn": (
        "Date", "Time", "Self_bank_code", "Acc_type", "Cst_no", "Id_no", "Self_acc_no", "Card_no", "Part_bank",
        "Part_acc_no", "Part_acc_name", "Lend_flag", "Tsf_flag", "Reverse_flag", "Cur", "Org_amt", "Usd_amt",
        "Rmb_amt", "Balance", "Purpose", "Bord_flag", "Nation", "Bank_flag", "Ip_code", "Agent_name", "Agent_type",
        "Agent_no", "Counter_no", "Settle_type", "Ticd",
    ),
    "tb_cross_border": (
        "Date", "Time", "Lend_flag", "Tsf_flag", "Unit_flag", "Cst_no", "Id_no", "Self_acc_name", "Self_acc_no",
        "Card_no", "Ticd", "Part_acc_no", "Part_acc_name", "Part_bank", "Part_nation", "Cur", "Org_amt", "Usd_amt",
        "Rmb_amt", "Balance", "Agency_flag", "Agent_name", "Agent_tel", "Agent_type", "Agent_no", "Settle_type",
        "Reverse_flag", "Purpose", "Bop_code", "Bank_flag", "Ip_code",
    ),
    "tb_cred_txn": (
        "Self_acc_no", "Card_no", "Self_acc_name", "Cst_no", "Id_no", "Date", "Time", "Lend_flag", "Tsf_flag",
        "Cur", "Org_amt", "Usd_amt", "Rmb_amt", "Balance", "Purpose", "Pos_owner", "Trans_type", "Ip_code",
        "Bord_flag", "Nation", "Reverse_flag", "Ticd",
    ),
    "tb_cash_remit": (
        "Date", "Time", "Self_bank_code", "Acc_name", "Id_type", "Id_no", "Cur", "Org_amt", "Usd_amt", "Rmb_amt",
        "Part_bank", "Part_acc_no", "Part_acc_name", "Settle_type", "Counter_no", "Ticd",
    ),
    "tb_cash_convert": (
        "Date", "Time", "Self_bank_code", "Acc_name", "Id_type", "Id_no", "Out_cur", "Out_org_amt", "Out_usd_amt",
        "In_cur", "In_org_amt", "In_usd_amt", "Counter_no", "Settle_type", "Ticd",
    ),
    "tb_risk_new": ("Bank_code1", "Cst_no", "Self_acc_name", "Id_no", "Acc_type", "Risk_code", "Time", "Norm"),
    "tb_risk_his": ("Bank_code1", "Cst_no", "Self_acc_name", "Id_no", "Acc_type", "Risk_code", "Time", "Norm"),
    "tb_lwhc_log": (
        "Bank_name", "Bank_code2", "Date", "Time", "Name", "Id_no", "Result", "Counter_no", "Ope_line", "Mode",
        "Purpose",
    ),
    "tb_lar_report": tuple(_LARGE_VALUE),
    "tb_sus_report": (
        *_LARGE_VALUE[:3], "DETR", "TORP", "ORXN", "DORP", "TPTR", "STCB", "AOSP", "TOSC", "STCR", "RPNM", "MIRS",
        *_LARGE_VALUE[3:],
    ),
}  # fmt: skip
"""Table → its columns, in their order."""

SEX: Final = {"male": "11", "female": "12"}
ID_TYPES: Final = {
    "resident-id": "11", "temporary-id": "12", "household-register": "13", "military-id": "14",
    "armed-police-id": "15", "hk-macau-permit": "16", "taiwan-permit": "17", "passport": "18",
    "foreign-passport": "18",
    "business-licence": "61", "organisation-code": "62",
}  # fmt: skip
OTHER_ID: Final = "19"
ACC_TYPES: Final = {"natural": "11", "sole-trader": "12", "legal": "12", "trust": "12"}
ACC_STATES: Final = {"open": "11", "frozen": "12", "closed": "13"}
LEND: Final = {"credit": "10", "debit": "11"}
"""Received, paid."""
CASH: Final = {True: "10", False: "11"}
REVERSED: Final = {True: "10", False: "11"}
BORDER: Final = {True: "11", False: "12"}
CHANNELS: Final = {"e-bank": "11", "mobile": "12", "phone": "13", "pos": "14", "atm": "15", "counter": "16"}
OTHER_CHANNEL: Final = "17"
RISKS: Final = {"high": "01", "medium": "03", "low": "04"}
CHECKS: Final = {"match": "11", "no-match": "14", "unavailable": "16"}
TRIGGERS: Final = {
    "model": "01", "law-enforcement": "02", "regulator": "03", "internal-case": "04", "public-opinion": "05",
    "staff": "06", "other": "99",
}  # fmt: skip
"""TPTR: what a suspicion came from."""
ADDRESSEES: Final = {"fiu": "01", "fiu-and-branch": "02", "fiu-and-police": "03", "all": "04"}
"""DORP: to whom the report goes."""
NO_EXPIRY: Final = "99991231"
"""How the interface writes a document without expiry."""
